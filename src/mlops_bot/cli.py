"""The command line: argv -> what to do. Only argparse is imported here; everything else when a command needs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_bot import __version__
from mlops_bot.settings import ENGINES, SANDBOXES

_EPILOG = """\
exit codes: 0 verified, 1 not verified, 2 bad request or configuration, 3 infrastructure, 130 interrupted
documentation: docs/commands.md"""


def run(argv: Sequence[str]) -> int:
    """Runs one command line. Raises MlopsBotError; argparse's own errors end with exit code 2."""
    options = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(
        prog="mlops-bot",
        description="Adds an MLOps function to training code, runs it, and shows the proof that it works.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mlops-bot {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    add = commands.add_parser(
        "add", help="add a component to training scripts: mlops-bot add mlflow train.py", epilog=_EPILOG
    )
    add.add_argument("component", metavar="COMPONENT", help="see `mlops-bot components`")
    _script_options(add)
    add.set_defaults(command=_add, verb="add")

    translate = commands.add_parser("translate", help="move training scripts from one component to another", epilog=_EPILOG)
    translate.add_argument("source", metavar="FROM")
    translate.add_argument("component", metavar="TO")
    _script_options(translate)
    translate.set_defaults(command=_add, verb="translate")

    verify = commands.add_parser(
        "verify", help="judge an adaptation, whoever wrote it: mlops-bot verify mlflow ORIGINAL.py ADAPTED.py", epilog=_EPILOG
    )
    verify.add_argument("component", metavar="COMPONENT")
    verify.add_argument("original", metavar="ORIGINAL", type=Path)
    verify.add_argument("adapted", metavar="ADAPTED", type=Path)
    verify.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY")
    _run_options(verify)
    _output_options(verify)
    verify.set_defaults(command=_verify)

    prompt = commands.add_parser("prompt", help="print the exact messages a model would get; calls nothing")
    prompt.add_argument("component", metavar="COMPONENT")
    prompt.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    prompt.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY")
    _prompt_options(prompt)
    prompt.add_argument("--json", metavar="FILE", help="write the messages as JSON ('-': standard output)")
    prompt.set_defaults(command=_prompt)

    listing = commands.add_parser("components", help="what is supported")
    listing.add_argument("--json", metavar="FILE", help="write the list as JSON ('-': standard output)")
    listing.set_defaults(command=_components)

    doctor = commands.add_parser("doctor", help="what works on this machine, what is missing, what to do")
    doctor.add_argument("--json", metavar="FILE", help="write the findings as JSON ('-': standard output)")
    doctor.set_defaults(command=_doctor)
    return top


def _script_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="training scripts")
    command.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY", help="e.g. experiment-tracking")
    engine = command.add_argument_group("engine")
    engine.add_argument("--engine", choices=ENGINES, help="default: auto (the recipe, then the configured model)")
    engine.add_argument("--model", metavar="NAME")
    engine.add_argument("--samples", metavar="N", type=_positive, default=1, help="answers to ask for (default 1)")
    engine.add_argument("--temperature", metavar="T", type=_temperature, default=0.0, help="0 to 2 (default 0)")
    engine.add_argument("--repair", metavar="N", type=_natural, default=1, help="rounds that feed the error back (default 1)")
    engine.add_argument("--max-cost", metavar="USD", type=_amount, help="never spend more than this on one command")
    engine.add_argument("--price", metavar="IN,OUT", type=_price, help="US dollars per million input and output tokens")
    engine.add_argument("--answers", metavar="PATH", type=Path, help="scripted engine: completions, a file or a folder")
    _prompt_options(engine)
    _run_options(command)
    result = _output_options(command)
    result.add_argument("--write", action="store_true", help="apply the change, only if verified")
    result.add_argument("--out", metavar="DIR", type=Path, help="write the changed files into DIR, only if verified")


def _prompt_options(group: argparse._ActionsContainer) -> None:
    group.add_argument("--style", choices=("doc-prompt", "zero-shot"), default="doc-prompt", help="default: doc-prompt")
    group.add_argument("--answer", choices=("auto", "file", "edits"), default="auto", help="form of the model's answer")


def _run_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("run")
    group.add_argument("--sandbox", choices=SANDBOXES, help="default: auto (docker where an engine answers)")
    group.add_argument("--run", dest="start", metavar="COMMAND", help='how to start it: "python train.py --epochs 1"')
    group.add_argument("--data", metavar="DIR", type=Path, help="data that the script reads; copied in")
    group.add_argument("--timeout", metavar="S", type=_amount, default=300.0, help="seconds a run may take (default 300)")
    group.add_argument("--memory", metavar="MB", type=_positive, default=8192, help="memory a run may use (default 8192)")
    group.add_argument("--full", action="store_true", help="no smoke limits and no stand-in data")
    group.add_argument("--no-cache", action="store_true", help="run everything again")


def _output_options(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = command.add_argument_group("result")
    group.add_argument("--json", metavar="FILE", help="write the result as JSON ('-': standard output)")
    group.add_argument("--quiet", action="store_true", help="only the last line")
    return group


def _add(options: argparse.Namespace) -> int:
    from mlops_bot.commands import add

    return add.run(options)


def _verify(options: argparse.Namespace) -> int:
    from mlops_bot.commands import verify

    return verify.run(options)


def _prompt(options: argparse.Namespace) -> int:
    from mlops_bot.commands import show

    return show.prompt(options)


def _components(options: argparse.Namespace) -> int:
    from mlops_bot.commands import show

    return show.components(options)


def _doctor(options: argparse.Namespace) -> int:
    from mlops_bot.commands import doctor

    return doctor.run(options)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def _amount(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _temperature(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 2")
    return value


def _price(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r}: write two numbers, such as 0.15,0.60")
    return float(parts[0]), float(parts[1])


