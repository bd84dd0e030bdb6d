"""The command grammar, the same on the command line, in a comment and behind a label. Pure.

add COMPONENT [path ...] [--for FUNCTIONALITY]
translate FROM TO [path ...] [--for FUNCTIONALITY]
help | status | retry
"""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

from mlops_bot.errors import UserError
from mlops_bot.types import FUNCTIONALITIES, Command, Component, Functionality

Origin = Literal["argv", "comment"]
VERBS = ("add", "translate", "help", "status", "retry")
GRAMMAR = "add COMPONENT [path ...] [--for FUNCTIONALITY], translate FROM TO [path ...], help, status, retry"
_MAX_PATHS = 50


def parse(words: Sequence[str], *, components: Mapping[str, Component], origin: Origin = "argv") -> Command:
    """The command that `words` mean. UserError, with what to write instead, for everything else.

    `origin="comment"`: words come from somebody on the internet; paths then have to be plain relative ones.
    """
    if not words or not words[0].strip():
        raise UserError("no command was given", hint=f"write one of: {GRAMMAR}")
    verb = words[0].strip().lower()
    if verb not in VERBS:
        raise UserError(
            f"unknown command {_quote(words[0])}", hint=did_you_mean(verb, VERBS) or f"write one of: {GRAMMAR}"
        )
    rest, wanted = _options(words[1:])
    if verb in ("help", "status", "retry"):
        if rest or wanted is not None:
            extra = rest[0] if rest else "--for"
            raise UserError(f"`{verb}` takes no arguments, but {_quote(extra)} was given", hint=f"write `{verb}`")
        return Command(verb=cast("Literal['help', 'status', 'retry']", verb))
    count = 1 if verb == "add" else 2
    if len(rest) < count:
        form = "add COMPONENT [path ...]" if verb == "add" else "translate FROM TO [path ...]"
        missing = "component is" if count - len(rest) == 1 else "components are"
        known = ", ".join(sorted(components)) or "none"
        raise UserError(f"`{verb}`: the {missing} missing", hint=f"write `{form}`; supported components: {known}")
    named = [find_component(word, components) for word in rest[:count]]
    source = named[0].name if verb == "translate" else None
    target = named[-1]
    if source == target.name:
        raise UserError(
            f"`translate` from {target.title} to {target.title} would change nothing",
            hint="name two different components",
        )
    paths = tuple(_path(word, origin) for word in rest[count:])
    if len(paths) > _MAX_PATHS:
        raise UserError(
            f"{len(paths)} paths were given, at most {_MAX_PATHS} are allowed",
            hint="split them over several commands",
        )
    functionality = _functionality(wanted, named)
    return Command(
        verb=cast("Literal['add', 'translate']", verb),
        target=target.name,
        source=source,
        paths=tuple(dict.fromkeys(paths)),
        functionality=functionality,
    )


def find_component(word: str, components: Mapping[str, Component]) -> Component:
    """The component with this name or alias, whatever its case; UserError with a suggestion otherwise."""
    known: dict[str, Component] = {}
    for component in components.values():
        for name in (component.name, component.title, *component.aliases):
            known.setdefault(name.lower(), component)
    wanted = word.strip().lower()
    if wanted in known:
        return known[wanted]
    names = ", ".join(sorted(component.name for component in components.values())) or "none"
    raise UserError(
        f"unknown component {_quote(word)}", hint=did_you_mean(wanted, known) or f"supported components: {names}"
    )


def find_functionality(word: str) -> Functionality:
    """The functionality of this name; spaces and underscores count as hyphens."""
    wanted = re.sub(r"[\s_]+", "-", word.strip().lower())
    for name in FUNCTIONALITIES:
        if name == wanted:
            return name
    raise UserError(
        f"unknown functionality {_quote(word)}",
        hint=did_you_mean(wanted, FUNCTIONALITIES) or f"write one of: {', '.join(FUNCTIONALITIES)}",
    )


def start_words(text: str, *, name: str = "--run") -> tuple[str, ...]:
    """`python train.py --epochs 1` as words. Raises UserError for anything but one Python command; `name` is what holds
    the text."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(
            f"{name} {text}: cannot be read: {error}", hint=f'write {name} "python train.py ARGUMENTS"'
        ) from None
    if len(words) < 2 or words[0].rpartition("/")[2] not in ("python", "python3"):
        raise UserError(
            f"{name} {text}: does not start with python",
            hint=f'write {name} "python train.py ARGUMENTS" or "python -m pkg"',
        )
    return ("python", *words[1:])


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """ "did you mean `mlflow`?" when one of the known words is close."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def _options(words: Sequence[str]) -> tuple[list[str], str | None]:
    """Positional words, and the value of --for. `--` ends the options."""
    rest: list[str] = []
    wanted: str | None = None
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            rest += words[position:]
            break
        name, equals, value = word.partition("=")
        if name.lower() == "--for":
            if not equals:
                if position >= len(words):
                    value = ""
                else:
                    value = words[position]
                    position += 1
            if not value or value.startswith("-"):
                raise UserError(
                    "`--for` needs a functionality", hint=f"write --for with one of: {', '.join(FUNCTIONALITIES)}"
                )
            if wanted is not None:
                raise UserError("`--for` was given twice", hint="write one command for each functionality")
            wanted = value
        elif word.startswith("-") and word != "-":
            raise UserError(
                f"unknown option {_quote(name)}", hint=did_you_mean(name, ["--for"]) or "the only option is --for"
            )
        else:
            rest.append(word)
    return rest, wanted


def _functionality(wanted: str | None, named: Sequence[Component]) -> Functionality | None:
    """The functionality asked for, or the first that all named components provide."""
    target = named[-1]
    common = [f for f in target.functionalities if all(f in c.functionalities for c in named)]
    if wanted is None:
        if not common:
            raise UserError(
                f"{named[0].title} and {target.title} have no functionality in common",
                hint=f"{target.title} provides: {', '.join(target.functionalities)}",
            )
        return common[0]
    functionality = find_functionality(wanted)
    for component in named:
        if functionality not in component.functionalities:
            raise UserError(
                f"{component.title} does not provide {functionality}",
                hint=f"it provides: {', '.join(component.functionalities)}",
            )
    return functionality


def _path(word: str, origin: Origin) -> str:
    """A path as given; from a comment only plain, relative ones."""
    if not word.strip() or "\0" in word:
        raise UserError("an empty path was given", hint="name a file, such as train.py, or leave the path out")
    if origin == "argv":
        return word
    problem = None
    if any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for c in word):
        problem = "contains invisible characters"
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", word) or word.startswith("//"):
        problem = "is an address or a drive, not a path in the repository"
    elif word.startswith(("/", "~")):
        problem = "is absolute"
    elif "\\" in word:
        problem = "contains a backslash"
    elif ".." in word.split("/"):
        problem = "leaves the repository"
    elif any(part.casefold() in (".git", ".github") for part in word.split("/")):
        problem = "is the repository's own configuration, which never changes"
    elif len(word) > 300:
        problem = "is too long"
    if problem is not None:
        raise UserError(
            f"the path {_quote(word)} {problem}", hint="write it relative to the repository, such as src/train.py"
        )
    return word


def _quote(word: str) -> str:
    """A word for a message: printable, bounded."""
    shown = "".join(c if c.isprintable() and c != "`" else "?" for c in word[:60])
    return f"`{shown}{'...' if len(word) > 60 else ''}`"
