"""The grammar of `python -m docs_index`. Only argparse is imported here; everything else when a command needs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_bot.cli import Parser
from mlops_bot.settings import EMBEDDERS

_EPILOG = "exit codes: 0 done, 2 bad request or configuration, 3 infrastructure, 130 interrupted"
_STORE = "an index file, or `weaviate` for the configured server (default: MLOPS_BOT_DOCS, else the cache folder)"


def run(argv: Sequence[str]) -> int:
    """Runs one command line. Raises MlopsBotError; argparse's own errors end with exit code 2."""
    options = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = Parser(
        prog="python -m docs_index", description="Builds and measures the documentation index.", epilog=_EPILOG
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    build = commands.add_parser(
        "build",
        help="index the documentation of components",
        description=(
            "Gathers, cuts, embeds and stores the documentation of components.\n"
            "What did not change costs nothing; an interrupted build goes on where it stopped."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.add_argument(
        "components", metavar="COMPONENT", nargs="+",
        help="such as mlflow or mlflow==3.4.0 (default: the installed release, else the newest allowed)",
    )  # fmt: skip
    build.add_argument(
        "--from", dest="kinds", metavar="KINDS", help="some of package,repo,site (default: package,repo)"
    )
    build.add_argument("--tree", metavar="DIR", type=Path, help="source repo: a source tree instead of the release's")
    build.add_argument("--store", metavar="WHERE", help=_STORE)
    build.add_argument("--embedder", choices=EMBEDDERS, metavar="NAME", help=f"one of {', '.join(EMBEDDERS)}")
    build.add_argument("--condense", action="store_true", help="have the configured model condense each passage")
    build.add_argument(
        "--engine", choices=("auto", "openai", "tgi"), metavar="NAME", help="the model's side: openai or tgi"
    )
    build.add_argument("--model", metavar="NAME", help="the model that condenses")
    build.add_argument("--max-cost", metavar="USD", type=float, help="never spend more than this on one index")
    build.add_argument("--price", metavar="IN,OUT", type=_price, help="US dollars per million input and output tokens")
    build.add_argument("--dry-run", action="store_true", help="say what would be done and cost; ask and store nothing")
    build.add_argument("--json", metavar="FILE", help="write what was done as JSON ('-': standard output)")
    build.add_argument("--quiet", action="store_true", help="only the last lines")
    build.set_defaults(command=_build)

    copy = commands.add_parser("copy", help="copy an index into another store", epilog=_EPILOG)
    copy.add_argument("source", metavar="FROM", help=_STORE)
    copy.add_argument("target", metavar="TO", help="where to: a file, or `weaviate`")
    copy.add_argument("--only", metavar="COMPONENT", action="append", help="only this component; may be given again")
    copy.add_argument("--quiet", action="store_true", help="only the last line")
    copy.set_defaults(command=_copy)

    status = commands.add_parser("status", help="list what is indexed", epilog=_EPILOG)
    status.add_argument("--store", metavar="WHERE", help=_STORE)
    status.add_argument("--json", metavar="FILE", help="write it as JSON, with the manifests ('-': standard output)")
    status.set_defaults(command=_status)

    evaluate = commands.add_parser(
        "evaluate", help="measure retrieval: recall@5, MRR and nDCG of each approach", epilog=_EPILOG
    )
    evaluate.add_argument(
        "--queries", metavar="FILE", type=Path, help="labelled queries (default: docs_index/queries.jsonl)"
    )
    evaluate.add_argument("--store", metavar="WHERE", action="append", help=f"{_STORE}; may be given again")
    evaluate.add_argument("--approach", metavar="NAME", action="append", help="only this one; may be given again")
    evaluate.add_argument("--engine", choices=("auto", "openai", "tgi"), metavar="NAME", help="the model's side")
    evaluate.add_argument("--model", metavar="NAME", help="the model of the approaches that ask one")
    evaluate.add_argument("--max-cost", metavar="USD", type=float, help="never spend more than this")
    evaluate.add_argument("--json", metavar="FILE", help="write everything as JSON ('-': standard output)")
    evaluate.add_argument("--quiet", action="store_true", help="only the table")
    evaluate.set_defaults(command=_evaluate)
    return top


def _price(text: str) -> tuple[float, float]:
    try:
        incoming, outgoing = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not two prices, such as 0.15,0.60") from None
    return incoming, outgoing


def _build(options: argparse.Namespace) -> int:
    from docs_index import commands

    return commands.build(options)


def _copy(options: argparse.Namespace) -> int:
    from docs_index import commands

    return commands.copy(options)


def _status(options: argparse.Namespace) -> int:
    from docs_index import commands

    return commands.status(options)


def _evaluate(options: argparse.Namespace) -> int:
    from docs_index import evaluate

    return evaluate.run(options)
