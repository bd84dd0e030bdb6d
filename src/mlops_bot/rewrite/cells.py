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
