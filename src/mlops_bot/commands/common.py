"""What the commands share: the task behind the arguments, and the plan of its runs."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_bot import command, components, notebook, project, requirement_lines, shown, source
from mlops_bot.errors import UserError
from mlops_bot.project import Project
from mlops_bot.requirements_file import implied_requirements, third_party_requirements
from mlops_bot.settings import Settings
from mlops_bot.types import Command, Component, Functionality, Json, Limits, SourceFacts, SourceFile, Task
from mlops_bot.verify import job
from mlops_bot.verify.pipeline import Plan


@dataclass(frozen=True, slots=True)
class Run:
    """How a script is run."""

    start: str | None = None  # "python train.py --epochs 1"
    timeout: float = 300.0  # seconds
    memory: int = 8192  # MB
    full: bool = False  # no smoke limits
    here: Path | None = None  # what `start` is relative to; None: the current folder


def run_of(options: argparse.Namespace) -> Run:
    return Run(options.start, options.timeout, options.memory, options.full)


def parse(options: argparse.Namespace) -> Command:
    """The command line through the grammar that comments use. Raises UserError with a did-you-mean."""
    verb = getattr(options, "verb", "add")
    source = getattr(options, "source", None)
    words = ["translate" if source else verb, *([source] if source else []), options.component]
    if options.functionality:
        words += ["--for", options.functionality]
    return command.parse(words, components=components.load_all())


def make_task(asked: Command, script: SourceFile) -> Task:
    """The task of one script. Raises UserError when the component does not serve the functionality."""
    known = components.load_all()
    target: Component = known[asked.target or ""]
    functionality: Functionality = asked.functionality or target.functionalities[0]
    origin = known[asked.source] if asked.source else None
    if functionality == "version-control" and origin is None:
        raise UserError(
            f"{target.title} is not added to programs that have no version control: what their data is, is not in them",
            hint="move one that has it: `translate gitpython dvc script.py`",
        )
    kind = "translation" if origin else "inlining"
    return Task(kind, functionality, target, (script,), origin)  # type: ignore[arg-type]


def facts_of(script: SourceFile, gathered: Project, *, translated: bool = False) -> SourceFacts:
    """What the script is. Raises UserError when it clearly is no training script; one that is `translated` uses the
    functionality already, whatever it does."""
    facts = _analyse(script, gathered)
    if facts.is_training is False and not translated:
        raise UserError(
            f"{script.path}: is not a training script: {'; '.join(facts.reasons) or 'nothing in it trains a model'}",
            hint="name the file that calls .fit(), Trainer.fit() or loss.backward()",
        )
    return facts


def requirements(task: Task, facts: SourceFacts, gathered: Project) -> tuple[str, ...]:
    """What has to be installed to run the project with the component (PEP 508), the component last."""
    known = [facts]
    for path in _imported_files(facts, gathered):  # what the script's own modules import is needed too
        with contextlib.suppress(UserError):
            known.append(_analyse(gathered.source(path), gathered))
    taking_part = [part for part in (task.source_component, task.component) if part is not None]
    provided = {module for part in taking_part for module in part.imports}
    modules = {module for one in known for module in one.third_party} - provided
    needed = third_party_requirements(sorted(modules), project.requirement_files(gathered), near=task.script.path)
    names = {name for one in known for name in (*one.imports.values(), *(call.kind for call in one.calls))}
    implied = [line for line in implied_requirements(names) if line not in needed]
    if notebook.is_notebook(task.script.path):
        implied += notebook.REQUIREMENTS
    return (*needed, *implied, *(line for part in taking_part for line in part.requirements))


def releases(task: Task, gathered: Project) -> dict[str, str]:
    """The releases of the task's components that the project pins: what documentation is looked up for."""
    files = project.requirement_files(gathered)
    named = requirement_lines.named(files, near=task.script.path)
    found: dict[str, str] = {}
    for component in filter(None, (task.component, task.source_component)):
        distribution = requirement_lines.parse(component.requirement)
        asked = named.get(requirement_lines.canonical(distribution.name)) if distribution else None
        exact = [one.version for one in asked.specifier if one.operator in ("==", "===", "~=")] if asked else []
        if exact and not exact[0].endswith("*"):
            found[component.name] = exact[0]
    return found


def _imported_files(facts: SourceFacts, gathered: Project) -> list[str]:
    """The project's own Python files that the script may import: those named by a part of what it imports."""
    parts = {part for name in facts.imports.values() for part in name.split(".")}
    return [path for path in gathered.files if path.endswith(".py") and path != facts.path and Path(path).stem in parts]


def _analyse(script: SourceFile, gathered: Project) -> SourceFacts:
    local = project.local_modules(gathered.root, gathered.root / script.path)
    return source.analyse(script.path, script.text, local_modules=local)


def make_plan(run: Run, gathered: Project, script: SourceFile) -> Plan:
    """How the script is started: --run, or `python SCRIPT` in the script's own directory."""
    folder, name = str(Path(script.path).parent), Path(script.path).name
    argv: tuple[str, ...] = ("python", name)
    workdir = folder
    if run.start:
        argv = command.start_words(run.start)
        workdir = _start_directory(argv, (run.here or Path.cwd()).resolve(), gathered, folder)
    return Plan(
        files=gathered.files,
        argv=argv,
        workdir=workdir,
        limits=Limits(seconds=run.timeout, memory_mb=run.memory),
        smoke=job.Smoke(full=run.full),
    )


def _start_directory(argv: tuple[str, ...], here: Path, gathered: Project, folder: str) -> str:
    """Where a --run command makes sense: here if its script is found from here, else the script's own directory."""
    if here.is_relative_to(gathered.root):
        relative = here.relative_to(gathered.root).as_posix()
        scripts = [word for word in argv[1:] if word.endswith((".py", notebook.SUFFIX))]
        if "-m" in argv or any((here / word).is_file() for word in scripts):
            return relative
    return folder


def write_json(where: str | None, document: Json, *, secrets: Sequence[str] = ()) -> None:
    """Writes a document to a file ('-': standard output); nothing where `where` is None. Keys are blacked out, and what
    nobody sees is written as an escape."""
    if where is None:
        return
    text = shown.escaped(json.dumps(shown.redacted_json(document, secrets), indent=2, ensure_ascii=False)) + "\n"
    if where == "-":
        sys.stdout.write(text)
        return
    try:
        Path(where).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"--json {where}: {error.strerror or error}", hint="name a file in a folder that exists"
        ) from None


def check_json_target(where: str | None) -> None:
    """Refuses a --json file that cannot be written before anything is run."""
    if where is None or where == "-":
        return
    target = Path(where)
    if not where or target.is_dir():
        raise UserError(f"--json {where}: is a folder", hint="name a file, such as report.json")
    if not target.parent.is_dir():
        raise UserError(f"--json {where}: its folder does not exist", hint="make the folder, or name another file")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise UserError(f"--json {where}: cannot be written", hint="check its permissions, or name another file")


def reader(paths: list[Path], data: Path | None) -> tuple[Project, list[SourceFile]]:
    """The project around the scripts, and the scripts. Raises UserError for every bad input."""
    for path in paths:
        project.read_script(path)
    gathered = project.gather(paths, data=data)
    return gathered, [gathered.source(path) for path in gathered.scripts]


def settings_for(options: argparse.Namespace, loaded: Settings) -> Settings:
    """Options win over the environment."""
    return loaded.override(
        engine=getattr(options, "engine", None),
        model=getattr(options, "model", None),
        sandbox=getattr(options, "sandbox", None),
    )
