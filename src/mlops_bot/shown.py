"""Text of programs and models as people may see it: no terminal commands, nothing invisible, no keys, bounded. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from mlops_bot.types import Json

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, direction marks, zero width, unassigned
_SUSPECT = re.compile(r"[^\n\t\x20-\x7e]")
_INVISIBLE = re.compile(r"[\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
                        r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff"
                        r"\U000e0000-\U000e0fff]")  # fmt: skip
_SHORTEST_SECRET = 6  # characters: anything shorter would black out ordinary words


def plain(text: str) -> str:
    """`text` with every character that is not seen, or that commands a terminal, written out: "\\x1b[31m"."""
    return _SUSPECT.sub(lambda found: _written(found[0]), text)


def one_line(value: object, width: int = 60) -> str:
    """Any value as one line of at most `width` characters, plain."""
    text = plain(" ".join(str(value)[: 20 * width].split()))
    return text if len(text) <= width else text[: width - 3] + "..."


def escaped(document: str) -> str:
    """A JSON text whose strings hold invisible characters as \\u escapes; what it means stays the same."""
    return _INVISIBLE.sub(lambda found: _json_escape(found[0]), document)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets."""
    for secret in sorted({s.strip() for s in secrets}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def redacted_json(value: Json, secrets: Sequence[str]) -> Json:
    """A JSON document without the secrets, in values and in names."""
    if isinstance(value, str):
        return redacted(value, secrets)
    if isinstance(value, Mapping):
        return {redacted(str(name), secrets): redacted_json(entry, secrets) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_json(entry, secrets) for entry in value]
    return value


def bounded(value: Json, *, items: int = 1000, text: int = 20_000) -> Json:
    """A JSON document of bearable size: of long lists and texts both ends, of large mappings the first names."""
    if isinstance(value, str):
        if len(value) <= text:
            return value
        return f"{value[: text // 2]}\n... {len(value) - text} characters left out ...\n{value[-(text // 2) :]}"
    if isinstance(value, Mapping):
        return {
            str(name)[:500]: bounded(entry, items=items, text=text)
            for _, (name, entry) in zip(range(items), value.items(), strict=False)
        }
    if isinstance(value, list | tuple):
        kept = value if len(value) <= items else [*value[: items // 2], *value[-(items // 2) :]]
        return [bounded(entry, items=items, text=text) for entry in kept]
    return value


def _written(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN and not _INVISIBLE.match(char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
