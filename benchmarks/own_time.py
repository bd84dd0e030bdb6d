"""The bot's own time, apart from sandbox and model: `mlops-bot --help`, and each step for one long training script.

    make bench              (or: .venv/bin/python benchmarks/own_time.py --lines 800 --repeat 5)

Each step runs in a new process, so imports count. Shown is the median of wall time and of CPU time: on a busy machine
wall time also measures the others. "ratio" is CPU time over that of an empty Python program, which travels between
machines. The total is that of one `add` with the recipe: the steps one after the other in one process. Exit code 1 when
a limit is exceeded, in CPU time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
HELP_LIMIT, OWN_LIMIT = 0.2, 1.0  # seconds
STEPS = ("parsing", "source analysis", "prompt", "response parse", "recipe", "static check")


def program(lines: int) -> str:
    """The PyTorch example, made long by helpers of the kind that long scripts have."""
    text = (ROOT / "examples" / "pytorch" / "train.py").read_text(encoding="utf-8")
    head, _, tail = text.partition("\ndef ")
    made = head.count("\n") + tail.count("\n")
    helpers = []
    for number in range(max(0, lines - made) // 9):
        helpers.append(
            f"\ndef transform_{number}(values, scale={number}.5, offset=1):\n"
            f'    """Scales what is positive."""\n'
            f"    result = []\n"
            f"    for index, value in enumerate(values):\n"
            f"        if value > offset:\n"
            f"            result.append(value * scale + index)\n"
            f"    return result\n\n"
        )
    return head + "".join(helpers) + "\ndef " + tail


def measure(lines: int) -> dict[str, list[float]]:
    """{step: [wall, CPU]} of all steps in this process, in the order of an `add`; seconds."""
    text = program(lines)
    spent: dict[str, list[float]] = {}
    since = [time.perf_counter(), time.process_time()]

    def lap(step: str) -> None:
        now = [time.perf_counter(), time.process_time()]
        spent[step] = [now[0] - since[0], now[1] - since[1]]
        since[:] = [time.perf_counter(), time.process_time()]

    import ast

    ast.parse(text)
    lap("parsing")
    from mlops_bot import components, source
    from mlops_bot.types import Candidate, Context, SourceFile, Task

    facts = source.analyse("train.py", text)
    lap("source analysis")
    from mlops_bot import prompt

    task = Task("inlining", "experiment-tracking", components.load_all()["mlflow"], (SourceFile("train.py", text),))
    context = Context({"train.py": facts})
    prompt.messages(task, context)
    lap("prompt")
    from mlops_bot import response

    answer = text.replace("import torch\n", "import mlflow\nimport torch\n", 1)
    parsed = response.parse(f"```python\n{answer}```\n", task)
    lap("response parse")
    if not isinstance(parsed, Candidate):
        raise SystemExit(f"the answer was not understood: {parsed.reason}")
    since[:] = [time.perf_counter(), time.process_time()]
    from mlops_bot.engines.recipe import RecipeEngine

    (proposal,) = RecipeEngine(components.recipe).propose(task, context)
    lap("recipe")
    if not proposal.files:
        raise SystemExit(f"the recipe does not apply: {proposal.declined}")
    since[:] = [time.perf_counter(), time.process_time()]
    from mlops_bot.verify import static

    failed = static.check_candidate(Candidate(proposal.files), task=task, facts={"train.py": facts}, api=None)
    lap("static check")
    if failed:
        raise SystemExit(f"the static check failed: {failed.reason}")
    return spent


def timed(*arguments: str) -> tuple[float, float]:
    """(wall, CPU) of a Python process, seconds."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in pairs), statistics.median(cpu for _, cpu in pairs)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lines", type=int, default=800)
    options.add_argument("--repeat", type=int, default=10)
    options.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.measure:
        print(json.dumps(measure(given.lines)))
        return 0
    empty = median([timed("-c", "pass") for _ in range(given.repeat)])
    shown = median([timed("-m", "mlops_bot", "--help") for _ in range(given.repeat)])
    command = [sys.executable, __file__, "--measure", "--lines", str(given.lines)]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(max(1, given.repeat // 2))
    ]
    steps = {step: median([(run[step][0], run[step][1]) for run in runs]) for step in STEPS}
    # A recipe's `add` asks nobody, so it needs neither a prompt nor an answer; both are counted all the same.
    total = median([(sum(run[s][0] for s in STEPS), sum(run[s][1] for s in STEPS)) for run in runs])
    rows = [("empty Python", empty), ("mlops-bot --help", shown), *steps.items(), (f"{given.lines} lines, all", total)]
    print(f"{'':<22}{'wall s':>9}{'CPU s':>9}{'ratio':>9}")
    for name, (wall, cpu) in rows:
        print(f"{name:<22}{wall:>9.3f}{cpu:>9.3f}{cpu / empty[1]:>9.1f}")
    late = [
        name for name, took, limit in (("--help", shown, HELP_LIMIT), ("own time", total, OWN_LIMIT)) if took[1] > limit
    ]
    if late:
        print(f"too slow: {', '.join(late)}", file=sys.stderr)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
