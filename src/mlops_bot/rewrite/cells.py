"""Lines at which a cell begins, in scripts that are notebooks as well: jupytext, nbconvert, sphinx-gallery."""

from __future__ import annotations

import re

_MARK = re.compile(r"# ?%%|# In ?\[|# \+$|#{20,}$")
_NUMBERED = re.compile(r"# %% \[cell \d+\]$")


def is_mark(row: str) -> bool:
    """`# %%`, `# In[3]:`, `# +`, a row of `#`."""
    return bool(_MARK.match(row))


def is_numbered(row: str) -> bool:
    """The line that stands for a cell's beginning in the text of a notebook: what follows is code, never its title."""
    return bool(_NUMBERED.match(row))


def ends_at(text: str, line: int) -> bool:
    """Whether a cell of a notebook's text ends with this line (from 1): its last value is shown there."""
    rows = text.splitlines()
    after = next((row for row in rows[line:] if row.strip()), None)
    return any(map(is_numbered, rows)) and (after is None or is_numbered(after))
