from __future__ import annotations
from .hooks import Hooks
def install(hooks: Hooks) -> None:
    return None
