"""Texts and code as the terms by which they are found. Pure; documents and queries go through the same function.

`mlflow.log_metric` and `logMetric` give the whole name and its parts, so that both a call and a plain word find it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"[^\W_]+(?:[._][^\W_]+)*", re.UNICODE)
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_LONGEST = 80  # characters of a term; longer ones are hashes and encoded data
_STOP = frozenset(
    """
    a an and are as at be by can do does for from has have how i if in into is it its me my of on or our so that the
    their then there these this to use used using want was we what when where which will with you your
    def import self return none true false args kwargs str int bool dict list
    """.split()  # noqa: SIM905  a list of words is read as words
)


def terms(text: str) -> list[str]:
    """The terms of a text, in order and with repetitions."""
    return [term for term in _terms(text) if len(term) <= _LONGEST]


def _terms(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match.group()
        parts = re.split(r"[._]", word)
        if len(parts) > 1:
            yield "_".join(parts).lower()
            if "." in word and len(parts) > 2:  # Repo.index.add is asked for as index.add, too
                yield "_".join(parts[-2:]).lower()
        for part in parts:
            camel = _CAMEL.findall(part) if not part.islower() and not part.isupper() else []
            if len(camel) > 1:
                yield part.lower()
            for piece in camel if len(camel) > 1 else [part]:
                term = _stem(piece.lower())
                if term not in _STOP and (len(term) > 1 or not term.isascii()):
                    yield term


def _stem(word: str) -> str:
    """Plural and verb endings go: logs, logging, logged -> log. Small on purpose: both sides do the same."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    for ending, least in (("ies", 5), ("ing", 6), ("ed", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith(("ss", "us", "is")):
            if ending == "ies":
                return word[:-3] + "y"
            if ending == "es" and not word.endswith(("ses", "xes", "zes", "ches", "shes")):
                return word[:-1].removesuffix("e")
            stem = word[: -len(ending)]
            if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
                stem = stem[:-1]
            return stem.removesuffix("e")
    return word.removesuffix("e")
