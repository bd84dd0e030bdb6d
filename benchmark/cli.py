"""The grammar of `python -m benchmark`. Only argparse is imported here; everything else when a command needs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_bot.cli import Parser
from mlops_bot.settings import SANDBOXES

_EPILOG = (
    "exit codes: 0 as expected, 1 not as expected, 2 bad request or configuration, 3 infrastructure, 130 interrupted"
)
CORPUS = Path(__file__).parent


def run(argv: Sequence[str]) -> int:
    """Runs one command line. Raises MlopsBotError; argparse's own errors end with exit code 2."""
    options = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = Parser(
        prog="python -m benchmark",
        description="The paper's evaluation with the bot's own pipeline, and the corpus of its checks.",
        epilog=_EPILOG,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    verdicts = commands.add_parser(
        "verdicts",
        help="measure the checks: judge a corpus of right and wrong adaptations",
        description=(
            "Judges every adaptation of a corpus and says where the verdict is not the expected one.\n"
            "What was judged before is not run again: an interrupted run goes on where it stopped."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verdicts.add_argument(
        "--corpus", metavar="DIR", type=Path, action="append",
        help="a folder with a manifest.json; may be given again (default: benchmark/gold and benchmark/mutants)",
    )  # fmt: skip
    verdicts.add_argument("--only", metavar="PATTERN", help="entries whose id or component matches, such as 'mlflow*'")
    judging_options(verdicts)
    verdicts.add_argument("--json", metavar="FILE", help="write everything as JSON ('-': standard output)")
    verdicts.set_defaults(command=_verdicts)
    return top


def judging_options(command: argparse.ArgumentParser) -> None:
    """What every command that judges takes."""
    command.add_argument("--jobs", metavar="N", type=_positive, default=1, help="programs at the same time (default 1)")
    command.add_argument("--sandbox", choices=SANDBOXES, metavar="NAME", help="docker, process or auto (the default)")
    command.add_argument("--timeout", metavar="S", type=float, default=300.0, help="seconds a run may take")
    command.add_argument("--no-cache", action="store_true", help="run everything again")
    command.add_argument("--quiet", action="store_true", help="only the tables")


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return value


def _verdicts(options: argparse.Namespace) -> int:
    from benchmark import verdicts

    return verdicts.run(options)
