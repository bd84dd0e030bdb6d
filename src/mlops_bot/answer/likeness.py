"""When two lines of code are the same, or the one is the other changed."""

from __future__ import annotations

import keyword
import re
from collections import Counter

_NAMED = re.compile(r"^(?:async\s+)?(def|class)\s+(\w+)")
_TARGET = re.compile(r"^([\w.\[\]'\", ]+?)\s*(?::[^=]+)?=(?!=)")
_WORD = re.compile(r"\w+")
_ALIKE = 0.7  # of the words of two lines, for the one to be the other changed


def key(line: str) -> str:
    """What makes two lines the same: their text without indentation; a definition by its name alone."""
    bare = line.strip()
    named = _NAMED.match(bare)
    return f"{named[1]} {named[2]}" if named else bare


def telling(key: str) -> bool:
    """Says enough to be recognised by: not blank, not a bracket, not only keywords."""
    words = [word for word in _WORD.findall(key) if not keyword.iskeyword(word) and len(word) > 1]
    return bool(words) or key.startswith(("def ", "class "))


def is_code(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and not bare.startswith("#")


def alike(one: str, other: str) -> bool:
    """Is one line probably the other, changed? The same name defined or assigned, or mostly the same words."""
    one, other = one.strip(), other.strip()
    if not telling(one) or not telling(other):
        return False
    if one == other:
        return True
    for pattern in (_NAMED, _TARGET):
        a, b = pattern.match(one), pattern.match(other)
        if a and b and a.groups() == b.groups():
            return True
    a_words, b_words = Counter(_WORD.findall(one)), Counter(_WORD.findall(other))
    total = a_words.total() + b_words.total()
    return total > 0 and 2 * (a_words & b_words).total() / total >= _ALIKE
