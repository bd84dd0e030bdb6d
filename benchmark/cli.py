"""The grammar of `python -m benchmark`. Only argparse is imported here; everything else when a command needs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.programs import ERAS
from benchmark.protocol import TABLES, TEMPERATURES, Shard
from mlops_bot.cli import Parser
from mlops_bot.settings import SANDBOXES

_EPILOG = (
    "exit codes: 0 as expected, 1 not as expected, 2 bad request or configuration, 3 infrastructure, 130 interrupted"
)
CORPUS = Path(__file__).parent
RUN = Path("benchmark-run")


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

    plan = commands.add_parser("plan", help="what a run would ask and cost; asks nothing", epilog=_EPILOG)
    _what(plan)
    plan.add_argument("--price", metavar="IN,OUT", type=_price, help="US dollars per million input and output tokens")
    plan.add_argument("--jobs", metavar="N", type=_positive, default=2, help="programs at the same time (default 2)")
    plan.add_argument("--json", metavar="FILE", help="write the plan as JSON ('-': standard output)")
    plan.set_defaults(command=_command("plan"))

    fetch = commands.add_parser("fetch", help="get the example programs by commit and hash", epilog=_EPILOG)
    fetch.add_argument(
        "--mirror", metavar="DIR", type=Path, help="a folder that has the files, or clones, of any layout"
    )
    fetch.add_argument("--programs", metavar="PATTERN", help="programs whose id matches, such as 'keras/*'")
    fetch.add_argument("--eras", metavar="ERAS", type=_list_of(ERAS), default=ERAS, help="current,paper (both)")
    fetch.set_defaults(command=_command("fetch"))

    run = commands.add_parser(
        "run",
        help="ask the engines, judge every answer; goes on where an earlier run stopped",
        epilog=_EPILOG,
    )
    _what(run)
    run.add_argument("--out", metavar="DIR", type=Path, default=RUN, help=f"where the run is kept (default {RUN})")
    run.add_argument("--max-cost", metavar="USD", type=float, help="never spend more than this on one engine")
    run.add_argument("--cluster", metavar="ADDRESS", help="judge on the workers of a Dask cluster: tcp://HOST:8786")
    judging_options(run)
    run.set_defaults(command=_command("run"))

    report = commands.add_parser("report", help="tables, pictures and every attempt of a run", epilog=_EPILOG)
    report.add_argument("run", metavar="RUN", type=Path, nargs="?", default=RUN, help=f"a run's folder (default {RUN})")
    report.add_argument("--merge", metavar="RUN", type=Path, action="append", default=[], help="take in another shard")
    report.add_argument("--verdicts", metavar="FILE", type=Path, help="what `benchmark verdicts --json FILE` wrote")
    report.add_argument("--out", metavar="DIR", type=Path, help="where the report goes (default RUN/report)")
    report.add_argument("--mlflow", metavar="URI", help="log the scores as MLflow runs, too: sqlite:///scores.db")
    report.set_defaults(command=_command("report"))

    compare = commands.add_parser("compare", help="where two runs differ, and whether that is more than chance")
    compare.add_argument("before", metavar="RUN_A", type=Path)
    compare.add_argument("after", metavar="RUN_B", type=Path)
    compare.add_argument("--json", metavar="FILE", help="write the comparison as JSON ('-': standard output)")
    compare.set_defaults(command=_command("compare"))

    endpoint = commands.add_parser("endpoint", help="wake or pause a Hugging Face Inference Endpoint", epilog=_EPILOG)
    endpoint.add_argument("action", choices=("resume", "pause"))
    endpoint.add_argument("name", metavar="NAME", help="NAME or NAMESPACE/NAME; HF_TOKEN has to be set")
    endpoint.add_argument("--timeout", metavar="S", type=float, default=1800.0, help="seconds to wait for it")
    endpoint.set_defaults(command=_command("endpoint"))

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
    verdicts.set_defaults(command=_command("verdicts"))

    mutate = commands.add_parser("mutate", help="write the corpus' adaptations anew from their edits in operators/")
    mutate.add_argument("--check", action="store_true", help="write nothing; exit code 1 where something differs")
    mutate.set_defaults(command=_command("mutate"))
    return top


def judging_options(command: argparse.ArgumentParser) -> None:
    """What every command that judges takes."""
    command.add_argument("--jobs", metavar="N", type=_positive, default=1, help="programs at the same time (default 1)")
    command.add_argument("--sandbox", choices=SANDBOXES, metavar="NAME", help="docker, process or auto (the default)")
    command.add_argument(
        "--warm", action=argparse.BooleanOptionalAction, default=True,
        help="fork programs from workers that have imported their libraries (process sandbox; the default)",
    )  # fmt: skip
    command.add_argument("--timeout", metavar="S", type=float, default=300.0, help="seconds a run may take")
    command.add_argument("--no-cache", action="store_true", help="run everything again")
    command.add_argument("--quiet", action="store_true", help="only the tables")


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return value


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The command of the module with this name, which is imported when it is called."""

    def command(options: argparse.Namespace) -> int:
        import importlib

        result: int = importlib.import_module(f"benchmark.{name}").run(options)
        return result

    return command


def _what(command: argparse.ArgumentParser) -> None:
    """Which part of the evaluation."""
    command.add_argument(
        "--engine", metavar="NAME", action="append", required=True,
        help="recipe, openai:MODEL, tgi, tgi:NAME or scripted:PATH; may be given again",
    )  # fmt: skip
    command.add_argument(
        "--tables", metavar="LIST", type=_list_of(TABLES), default=TABLES, help=f"{','.join(TABLES)} (all)"
    )
    command.add_argument(
        "--temperatures", metavar="LIST", type=_temperatures, default=TEMPERATURES, help="0,0.2,1 as in the paper"
    )
    command.add_argument(
        "--samples", metavar="N", type=_positive, default=3, help="generations above temperature 0 (3)"
    )
    command.add_argument("--programs", metavar="PATTERN", help="programs whose id matches, such as 'pytorch/*'")
    command.add_argument(
        "--era",
        choices=ERAS,
        default="current",
        help="today's form of the programs, or that of 2023; libraries are those of the sandbox",
    )
    command.add_argument("--shard", metavar="I/N", type=_shard, default=Shard(), help="part I of N of the programs")


def _list_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        words = tuple(word.strip() for word in text.split(",") if word.strip())
        wrong = [word for word in words if word not in known]
        if wrong or not words:
            raise argparse.ArgumentTypeError(f"{text!r}: write some of {','.join(known)}")
        return words

    return parse


def _temperatures(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        values = (-1.0,)
    if not all(0 <= value <= 2 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r}: write numbers between 0 and 2, such as 0,0.2,1")
    return values


def _price(text: str) -> tuple[float, float]:
    try:
        prices = [float(word) for word in text.split(",")]
    except ValueError:
        prices = []
    if len(prices) != 2 or min(prices) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not two prices, such as 0.15,0.60")
    return prices[0], prices[1]


def _shard(text: str) -> Shard:
    index, slash, count = text.partition("/")
    if not slash or not index.isdigit() or not count.isdigit() or not 1 <= int(index) <= int(count):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard, such as 2/8")
    return Shard(int(index), int(count))
