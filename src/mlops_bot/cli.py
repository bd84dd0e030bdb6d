"""The command line: argv -> what to do. Only argparse is imported here; everything else when a command needs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from mlops_bot import __version__
from mlops_bot.settings import ENGINES, SANDBOXES, STAGES

DOCS_APPROACHES = ("calls", "docs-search", "llm-search", "llm-docs-search", "none")
_EPILOG = """\
exit codes: 0 verified, 1 not verified, 2 bad request or configuration, 3 infrastructure, 130 interrupted
more: docs/commands.md"""
_COMPONENT = "what to add, such as mlflow; `mlops-bot components` lists them"
_FOR = "which function of the component, such as experiment-tracking; needed only where it has several"


class Parser(argparse.ArgumentParser):
    """argparse, with errors in the style of all others: what is wrong, then what to do."""

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        self.exit(2, f"mlops-bot: {message}\n  `{self.prog} --help` says what can be written\n")


def run(argv: Sequence[str]) -> int:
    """Runs one command line. Raises MlopsBotError; argparse's own errors end with exit code 2."""
    top = parser()
    options, rest = top.parse_known_args(argv)
    if rest:
        # argparse gives up on scripts that are named after an option: add mlflow --engine recipe train.py
        unknown = [word for word in rest if word.startswith("-") and word != "-"]
        paths = getattr(options, "paths", None)
        if unknown or paths is None:
            top.error(f"unknown option or argument: {(unknown or rest)[0]}")
        paths.extend(Path(word) for word in rest)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = Parser(
        prog="mlops-bot",
        description="Adds an MLOps function to training code, runs it, and shows the proof that it works.",
        epilog=f"`mlops-bot COMMAND --help` lists the options of one command.\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mlops-bot {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, what: str, more: str, example: str, *, judges: bool = False) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}. {more}",
            epilog=f"example: {example}" + (f"\n\n{_EPILOG}" if judges else ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    add = command(
        "add", "add a component to training scripts",
        "Shows the change and the proof;\nnothing is written without --write or --out.",
        "mlops-bot add mlflow train.py --write", judges=True,
    )  # fmt: skip
    add.add_argument("component", metavar="COMPONENT", help=_COMPONENT)
    _script_options(add)
    add.set_defaults(command=_add, verb="add")

    translate = command(
        "translate", "move training scripts from one component to another", "",
        "mlops-bot translate wandb mlflow train.py", judges=True,
    )  # fmt: skip
    translate.add_argument("source", metavar="FROM", help="the component that the scripts use now")
    translate.add_argument("component", metavar="TO", help="the component to use instead")
    _script_options(translate)
    translate.set_defaults(command=_add, verb="translate")

    verify = command(
        "verify", "judge an adaptation, whoever wrote it",
        "Runs both files in the place of\nthe original, and compares.",
        "mlops-bot verify mlflow train.py train_with_mlflow.py", judges=True,
    )  # fmt: skip
    verify.add_argument("component", metavar="COMPONENT", help="what was added, such as mlflow")
    verify.add_argument("original", metavar="ORIGINAL", type=Path, help="the training script before")
    verify.add_argument("adapted", metavar="ADAPTED", type=Path, help="the training script after")
    verify.add_argument(
        "--from", dest="source", metavar="COMPONENT", help="it is a translation: what the original uses"
    )
    verify.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY", help=_FOR)
    _run_options(verify)
    _output_options(verify)
    verify.set_defaults(command=_verify)

    prompt = command(
        "prompt", "print the exact messages a model would get", "Calls nothing.", "mlops-bot prompt mlflow train.py"
    )
    prompt.add_argument("component", metavar="COMPONENT", help=_COMPONENT)
    prompt.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="training scripts")
    prompt.add_argument("--from", dest="source", metavar="COMPONENT", help="a translation: what the scripts use now")
    prompt.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY", help=_FOR)
    _prompt_options(prompt)
    prompt.add_argument("--json", metavar="FILE", help="write the messages as JSON ('-': standard output)")
    prompt.set_defaults(command=_prompt)

    listing = command("components", "list what is supported", "", "mlops-bot components")
    listing.add_argument("--json", metavar="FILE", help="write the list as JSON ('-': standard output)")
    listing.set_defaults(command=_components)

    action = command(
        "action", "act on a GitHub event: the Action's entry point",
        "Reads what GitHub sets for an action\n(GITHUB_*, INPUT_*); options win over it.",
        "mlops-bot action --event event.json --event-name issue_comment --dry-run",
    )  # fmt: skip
    action.add_argument("--event", metavar="FILE", type=Path, help="the event's payload (default GITHUB_EVENT_PATH)")
    action.add_argument("--event-name", metavar="NAME", help="the event's name (default GITHUB_EVENT_NAME)")
    action.add_argument("--stage", choices=STAGES, metavar="NAME", help=f"{_any(STAGES)} (default all)")
    action.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    action.set_defaults(command=_action)

    docs = commands.add_parser("docs", help="search the documentation index", description="The documentation index.")
    actions = docs.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    search = actions.add_parser(
        "search",
        help="find passages",
        description="Finds passages as they would get into a prompt.",
        epilog='example: mlops-bot docs search mlflow "log a metric for every epoch"',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    search.add_argument("component", metavar="COMPONENT", help="whose documentation, such as mlflow")
    search.add_argument("query", metavar="QUERY", help="words, or code; @FILE reads a file")
    search.add_argument("--source", metavar="COMPONENT", help="the component that the code uses now")
    search.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY", help=_FOR)
    search.add_argument("--version", metavar="V", help="the release in use (default: the newest that is indexed)")
    search.add_argument("--approach", choices=DOCS_APPROACHES[:-1], metavar="NAME", default="calls",
                        help=f"{_any(DOCS_APPROACHES[:-1])} (default calls)")  # fmt: skip
    search.add_argument("--limit", metavar="N", type=_positive, default=5, help="passages (default 5)")
    search.add_argument(
        "--engine", choices=("auto", "openai", "tgi"), metavar="NAME", help="the model of llm approaches"
    )
    search.add_argument("--model", metavar="NAME", help="the model of llm approaches")
    search.add_argument("--json", metavar="FILE", help="write the passages as JSON ('-': standard output)")
    search.set_defaults(command=_docs)
    status = actions.add_parser("status", help="say which documentation is indexed")
    status.add_argument("--json", metavar="FILE", help="write it as JSON ('-': standard output)")
    status.set_defaults(command=_docs_status)

    doctor = command(
        "doctor", "say what works on this machine, what is missing, and what to do",
        "Changes nothing.\nExit code 3 when something that is configured does not work.", "mlops-bot doctor",
    )  # fmt: skip
    doctor.add_argument("--json", metavar="FILE", help="write the findings as JSON ('-': standard output)")
    doctor.set_defaults(command=_doctor)

    config = command(
        "config", "check the repository's configuration for the bot", "Calls nothing.", "mlops-bot config check"
    )
    config.add_argument(
        "action", metavar="ACTION", choices=("check", "schema"), help="check the file, or print its JSON Schema"
    )
    config.add_argument("file", metavar="FILE", nargs="?", help="default: .github/mlops-bot.yml")
    config.add_argument("--json", metavar="FILE", help="write what was found as JSON ('-': standard output)")
    config.set_defaults(command=_config)
    return top


def _script_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="training scripts")
    command.add_argument("--for", dest="functionality", metavar="FUNCTIONALITY", help=_FOR)
    engine = command.add_argument_group("who writes the change")
    engine.add_argument(
        "--engine",
        choices=ENGINES,
        metavar="NAME",
        help=f"{_any(ENGINES)} (default auto: the recipe, then the configured model)",
    )
    engine.add_argument("--model", metavar="NAME", help="the model to ask for, as its server calls it")
    engine.add_argument("--samples", metavar="N", type=_positive, default=1, help="answers to ask for (default 1)")
    engine.add_argument("--temperature", metavar="T", type=_temperature, default=0.0, help="0 to 2 (default 0)")
    engine.add_argument(
        "--repair", metavar="N", type=_natural, default=1, help="rounds that feed the error back (default 1)"
    )
    engine.add_argument("--max-cost", metavar="USD", type=_amount, help="never spend more than this on one command")
    engine.add_argument("--price", metavar="IN,OUT", type=_price, help="US dollars per million input and output tokens")
    engine.add_argument("--answers", metavar="PATH", type=Path, help="engine scripted: a file or a folder of answers")
    _prompt_options(engine)
    _run_options(command)
    result = _output_options(command)
    result.add_argument("--write", action="store_true", help="apply the change, only if verified")
    result.add_argument("--out", metavar="DIR", type=Path, help="write the changed files into DIR, only if verified")


def _prompt_options(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--style",
        choices=("doc-prompt", "zero-shot"),
        default="doc-prompt",
        metavar="STYLE",
        help="doc-prompt (with the component's guide, the default) or zero-shot",
    )
    group.add_argument(
        "--docs",
        choices=DOCS_APPROACHES,
        default="calls",
        metavar="NAME",
        help=f"how documentation is found in the index: {_any(DOCS_APPROACHES)} (default calls)",
    )
    group.add_argument(
        "--answer",
        choices=("auto", "file", "edits"),
        default="auto",
        metavar="FORM",
        help="what to ask for: file, edits, or auto (edits for longer files)",
    )


def _run_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("how it runs")
    group.add_argument(
        "--sandbox",
        choices=SANDBOXES,
        metavar="NAME",
        help=f"{_any(SANDBOXES)} (default auto: docker where an engine answers)",
    )
    group.add_argument("--run", dest="start", metavar="COMMAND", help='how to start it: "python train.py --epochs 1"')
    group.add_argument("--data", metavar="DIR", type=Path, help="data that the script reads; copied in")
    group.add_argument(
        "--timeout", metavar="S", type=_amount, default=300.0, help="seconds a run may take (default 300)"
    )
    group.add_argument(
        "--memory", metavar="MB", type=_positive, default=8192, help="memory a run may use (default 8192)"
    )
    group.add_argument("--full", action="store_true", help="no smoke limits and no stand-in data")
    group.add_argument("--no-cache", action="store_true", help="run everything again")


def _output_options(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = command.add_argument_group("what comes out")
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


def _config(options: argparse.Namespace) -> int:
    from mlops_bot.commands import config

    return config.run(options)


def _action(options: argparse.Namespace) -> int:
    from mlops_bot.commands import action

    return action.run(options)


def _docs(options: argparse.Namespace) -> int:
    from mlops_bot.commands import docs

    return docs.search(options)


def _docs_status(options: argparse.Namespace) -> int:
    from mlops_bot.commands import docs

    return docs.status(options)


def _doctor(options: argparse.Namespace) -> int:
    from mlops_bot.commands import doctor

    return doctor.run(options)


def _any(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _positive(text: str) -> int:
    return _whole(text, 1)


def _natural(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
    return value


def _amount(text: str) -> float:
    value = _float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _temperature(text: str) -> float:
    value = _float(text)
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 2")
    return value


def _price(text: str) -> tuple[float, float]:
    prices = [_float(part) for part in text.split(",")]
    if len(prices) != 2 or not all(0 <= price < float("inf") for price in prices):
        raise argparse.ArgumentTypeError(f"{text!r} is not two prices, such as 0.15,0.60")
    return prices[0], prices[1]


def _float(text: str) -> float:
    """Not a number where the text is none: every comparison with that is false."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
