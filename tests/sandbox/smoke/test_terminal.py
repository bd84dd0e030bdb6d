from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke


def test_a_progress_bar_as_wide_as_the_terminal(smoke: Smoke) -> None:
    run = smoke("import os\nrows, columns = os.popen('stty size', 'r').read().split()\nprint(rows, columns)\n")
    assert run.code == 0, run.stderr
    assert run.stdout == "24 80\n"
    assert "terminal" in run.notes("stand-in")


def test_other_commands_run(smoke: Smoke) -> None:
    run = smoke("import os\nprint(os.popen('echo stty size').read())\n")
    assert run.stdout == "stty size\n\n"
    assert run.notes("stand-in") == []
