"""Asking registered models, inside the sandbox: what collectors of model-registration share. Python 3.9 syntax.

`asked` starts the collector's own file as a process of its own, which loads what the program left: an untrusted file
may end that process, and takes nothing else with it. There `main` lets the collector find out about each version, with
the inputs of `.mlops-bot/probes/`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import runpy
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import probing

HOUSE = Path(".mlops-bot")
MAX_PROBES = 40
MAX_SECONDS = 150
LIBRARIES = ("torch", "sklearn", "mlflow")  # a collector imports none of them itself
RAW = ("weights", "answers", "served")  # what is compared with the trained models, and shown to nobody


def asked(script: str, plan: dict, environment: dict) -> list:
    """The versions of a plan with what a process of their own found out about them."""
    given, out = HOUSE / "plan.json", HOUSE / "answers.jsonl"
    given.write_text(json.dumps(plan), encoding="utf-8")
    out.write_text("", encoding="utf-8")
    start = forked if any(name in sys.modules for name in LIBRARIES) else started
    said_last = start([script, str(given), str(out)], environment)
    ended = "loading took more than {} seconds".format(MAX_SECONDS)
    if said_last is not None:
        ended = "loading ended the process: " + said_last[-300:].strip()
    answered = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    missing = {"loaded": False, "error": ended}
    versions = plan["versions"]
    return [{**entry, **(answered[at] if at < len(answered) else missing)} for at, entry in enumerate(versions)]


def started(words: list, environment: dict) -> Optional[str]:
    """Runs a script as a process of its own; what it wrote to standard error, None when it took too long."""
    command, variables = [sys.executable, *words], dict(os.environ, **environment)
    try:
        done = subprocess.run(command, env=variables, capture_output=True, timeout=MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stderr.decode("utf-8", "replace")


def forked(words: list, environment: dict) -> Optional[str]:
    """The same with a fork of this process, which has imported the libraries already (sandbox/inside/warm.py)."""
    written = HOUSE / "asking.txt"

    def begin() -> None:
        with written.open("wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        os.environ.update(environment)
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")

    process = multiprocessing.get_context("fork").Process(target=begin)
    process.start()
    process.join(MAX_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return written.read_text(encoding="utf-8", errors="replace") if written.exists() else ""


def evidence(versions: list) -> dict:
    """The versions as evidence: what is compared is kept apart from what is shown."""
    raw = [{key: version.pop(key) for key in RAW if key in version} for version in versions]
    return {"versions": versions, "raw": {"versions": raw}}


# --- the process that loads -------------------------------------------------------------------------------------


def main(about: Callable[[dict, dict], dict]) -> int:
    """Writes what `about(version, inputs)` finds out, a line for each version."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    warnings.simplefilter("ignore")
    if find_spec("tensorflow") is None and find_spec("torch") is not None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    inputs = dict(read_inputs())
    with open(sys.argv[2], "a", encoding="utf-8") as stream:
        for entry in plan["versions"]:
            try:
                found = about(entry, inputs)
            except BaseException as problem:  # SystemExit as well: what is loaded is the program's own code
                found = {"loaded": False, "error": said(problem)}
            stream.write(json.dumps(found) + "\n")
            stream.flush()
    return 0


def said(problem: BaseException, most: int = 500) -> str:
    return "{}: {}".format(type(problem).__name__, problem)[:most]


def read_inputs() -> Iterator[tuple]:
    paths = sorted((HOUSE / "probes").glob("*.pickle"), key=lambda path: path.stat().st_mtime)
    for path in paths[-MAX_PROBES:]:
        try:
            with path.open("rb") as stream:
                yield path.name, pickle.load(stream)
        except Exception:  # of a class that is not installed here
            continue


def answers(model: Any, kind: str, given: Any) -> dict:
    """What a "module", a "keras" model or an "estimator" answers to an input, by method; {} for anything else."""
    if kind == "estimator":
        return probing.ask_estimator(model, given)
    if kind not in ("module", "keras") or not isinstance(given, tuple):
        return {}
    ask = probing.ask_module if kind == "module" else probing.ask_keras
    found: dict = {}
    try:
        found["call"] = ask(model, probing.detached(given))
    except Exception as problem:
        found["error"] = said(problem, 200)
    for name, part in parts(model):
        try:
            found["part " + name] = ask(part, probing.detached(given))
        except Exception:
            continue
    return found


def parts(model: Any) -> list:
    """Networks that a model is made of, which may be called one by one."""
    children = getattr(model, "named_children", None)
    if not callable(children):
        return []
    return [(name, part) for name, part in children() if next(iter(part.parameters()), None) is not None][:20]
