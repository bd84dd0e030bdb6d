"""Is this line a marker that stands for skipped code?

"strong": the line says so ("# ... rest of the code unchanged"). "weak": a comment that is often used for it, and often
is just a comment ("# Training loop..."); it counts only where original lines are missing around it.
Erring towards "strong" is harmless: where nothing of the original is missing, a marker stands for nothing.
"""

from __future__ import annotations

import re
from typing import Literal

Strength = Literal["strong", "weak"]

_DOTS = r"(?:\.{3,}|…+|⋯|(?:\. ){2,}\.)"
_COMMENT = re.compile(r"^(?:#+|//+|/\*+|<!--|\"\"\"|''')\s*(.*?)\s*(?:\*+/|-->|\"\"\"|''')?$")
_ONLY_DOTS = re.compile(rf"^\W*{_DOTS}\W*$")
_STARTS = re.compile(rf"^[\[({{<\s*\-~_]*{_DOTS}")
_ENDS = re.compile(rf"{_DOTS}[\])}}>\s*\-~_.]*$")
_BARE = re.compile(rf"^{_DOTS}\s*[\w(\[<#{{]")  # "... rest of the code": no Python line begins like this
_BRACKETED = re.compile(r"^[\[<({]+[^\[\]<>(){}=,\"]*[\])>}]+$")

_WHAT = (
    r"(?:code|script|file|program|function|method|class|body|implementation|logic|loop|part|section|definition|import|argument"
    r"|arg|layer|model|network|architecture|setup|training|test|evaluation|line|stuff|everything|content|parser|helper|flag|option)s?"
)
_THE = r"(?:the|your|this|my|that|our|all|any)"
_STAYS = (
    r"(?:unchanged|unmodified|untouched|the same|as (?:it )?(?:is|was|before)|as-is|omitted|elided|not shown|intact)"
)
_STRONG = re.compile(
    "|".join(
        (
            rf"\b(?:rest|remainder)\s+of\s+(?:(?:{_THE}|original|existing)\s+)*(?:\w+\s+){{0,2}}{_WHAT}\b",
            r"^(?:and\s+)?(?:the\s+)?(?:rest|remainder)(?:\s+(?:remains?|stays?|is|unchanged|omitted|goes|here|follows|as)\b.*)?$",
            rf"^(?:the\s+|all\s+)*(?:remaining|existing|previous|prior|original|other|old|unchanged|your|same)\s+(?:\w+\s+){{0,3}}{_WHAT}"
            r"(?:\s+(?:here|above|below|goes here|go here|remains?|stays?|continues?|as before|follows))?$",
            r"\b(?:same|identical|exactly)\s+(?:as|to|like)\s+(?:in\s+)?(?:the\s+|your\s+)?"
            r"(?:before|above|original|previous|earlier|existing|initial|prior)\b",
            rf"\b{_WHAT}\b.{{0,40}}\b{_STAYS}(?:\s|$|[.,;:!)])",
            rf"\b(?:remains?|stays?|left|kept|leave|keep)\s+(?:\w+\s+){{0,3}}{_STAYS}",
            rf"^{_STAYS}(?:\s+(?:as|from|code|here|above|in)\b.{{0,40}})?$",
            r"^no\s+(?:other\s+|further\s+)?changes?(?:\s+(?:here|needed|required|necessary|below|above|to|in)\b.{0,40})?$",
            r"^(?:\w+\s+){0,3}(?:omitted|elided|skipped|snipped|snip|truncated|abbreviated|unchanged|unmodified)"
            r"(?:\s+(?:for\b.{0,30}|here|code|above|below))?$",
            r"\bfor\s+(?:the\s+sake\s+of\s+)?(?:brevity|conciseness)\b",
            r"\b(?:code|continues?|everything|it|loop|logic)\b.{0,30}\bas\s+(?:before|usual|in\s+the\s+original)\b",
            rf"\b(?:insert|copy|paste|put|add|place)\s+(?:\w+\s+){{0,3}}(?:original|existing|remaining|rest|old)\s+(?:\w+\s+){{0,3}}{_WHAT}",
            r"\bas\s+(?:in|per)\s+(?:the\s+|your\s+)?original\b",
            # German, French, Spanish, Portuguese, Italian
            r"\b(?:restliche\w*|rest\s+des|übrige\w*)\b.{0,30}|\bunverändert|\bwie\s+(?:zuvor|vorher|bisher|gehabt|oben)\b|bleibt\s+gleich",
            r"\b(?:reste|suite)\s+(?:du|de\s+la|des)\b|\binchangée?s?\b|\bcomme\s+(?:avant|précédemment)\b|\bcode\s+existant\b",
            r"\b(?:resto|restante)\s+(?:del?|do|da|dello|della)\b|\bsin\s+(?:cambios|modificar)\b|\bsem\s+(?:alterações|mudanças)\b",
            r"\b(?:igual\s+que|como|come)\s+(?:antes|prima)\b|\bc[óo]digo\s+(?:existente|anterior|original)\b|\b(?:invariat|immutat|inalterad)[oaei]\b",
            # Chinese, Japanese, Korean, Russian
            r"其余|其他代码|剩余|省略|保持不变|不变|保持原样|[与和]?之前(?:相同|一样)|同上|(?:原有|现有|原始)的?代码",
            r"残り|変更なし|以下同|既存のコード|元のコード|同じ$|나머지|기존\s*코드|동일|변경\s*없음|생략",
            r"остальн|без\s+изменений|как\s+(?:раньше|прежде)|существующий\s+код",
        )
    ),
    re.IGNORECASE,
)
_WEAK = re.compile(rf"\b(?:{_WHAT}|goes?|comes?|stays?)\s+(?:here|goes here)\W*$|^(?:etc|and so on)\W*$", re.IGNORECASE)
_LONGEST = 240  # a marker is short


def comment_strength(comment: str) -> Strength | None:
    """Of a comment with its sign ("# ... as before"): does it stand for skipped code?"""
    match = _COMMENT.match(comment.strip()[:_LONGEST])
    if match is None:
        return None
    text = match[1]
    if _ONLY_DOTS.match(text) or _STARTS.match(text):
        return "strong"
    plain = re.sub(_DOTS, " ", text).strip(" \t*-=~_[](){}<>.:!")
    if _STRONG.search(plain):
        return "strong"
    return "weak" if _ENDS.search(text) or _WEAK.search(plain) else None


def strength(line: str) -> Strength | None:
    """Of a whole line: is it a marker? Lines with code besides the marker are not (see `split_trailing`)."""
    bare = line.strip()
    if not bare or len(bare) > _LONGEST:
        return None
    if _ONLY_DOTS.match(bare) and not re.search(r"[\"',=]", bare):
        return "strong"
    if _COMMENT.match(bare):
        found = comment_strength(bare)
        # a docstring on one line is a marker only when it says so outright
        return None if found == "weak" and bare[0] in "\"'" else found
    if _BARE.match(bare):
        return "strong"
    if _BRACKETED.match(bare) and _STRONG.search(bare.strip("[](){}<> .…")):
        return "strong"
    head, sign, comment = bare.partition("#")
    if sign and head.strip() in ("pass", "...", "…") and comment_strength("#" + comment):
        return "strong"
    return None


_HEADER = re.compile(
    r"^(\s*(?:(?:async\s+)?def|class|if|elif|else|for|while|with|try|except|finally)\b.*:)\s*(\.\.\.|…|pass|)\s*(#.*)?$"
)


def split_trailing(line: str) -> tuple[str, str] | None:
    """A block's header with a marker behind it ("def f(x): ...", "def f(x):  # same as before") as two lines."""
    match = _HEADER.match(line)
    if match is None:
        return None
    header, body, comment = match[1], match[2], match[3] or ""
    marked = comment_strength(comment) == "strong" if comment else False
    if body in ("...", "…") or marked:
        indent = line[: len(line) - len(line.lstrip())]
        deeper = indent + ("\t" if indent.startswith("\t") else "    ")
        return header, deeper + (comment if marked else "...")
    return None
