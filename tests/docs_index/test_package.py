from __future__ import annotations

from pathlib import Path

import pytest
from docs_index.pages import Gathered
from docs_index.sources import package

FILES = {
    "__init__.py": '''"""A tool."""
from tool._core import Run, start_run
from tool.helpers import helper as _private
__all__ = ["Run", "start_run", "LIMIT"]
LIMIT = 3
"""How many runs there may be at the same time, at the most."""
''',
    "_core.py": '''import os
raise SystemExit("this must never run")
def start_run(name: str | None = None, *, nested: bool = False, **tags: str) -> "Run":
    """Start a run.

    Args:
        name: what it is called.

    Example:
        >>> start_run("first")
    """
class Run:
    """One execution."""
    def __init__(self, name: str, depth=1): ...
    def log(self, value: float, step: int | None = None) -> None:
        """Log a number."""
    def push(self, remote=None): ...
    def _hidden(self):
        """Nobody sees this."""
''',
    "helpers.py": "def helper(one, two):\n    '''Helps with two things at once.'''\n",
    "tests/test_it.py": "def test_it():\n    '''Not documentation, but a test.'''\n",
    "broken.py": "def (:\n",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    folder = tmp_path_factory.mktemp("site-packages")
    for path, text in FILES.items():
        target = folder / "tool" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return package.gather(folder, ["tool"], lambda path: f"https://docs.test/{path}")


def test_public_names_come_first(found: Gathered) -> None:
    page = found.pages["docstring:tool.start_run"]
    assert page.names == ("tool.start_run", "tool._core.start_run")
    assert "tool.start_run(name: str | None = None, *, nested: bool = False, **tags: str) -> Run" in page.text
    assert '>>> start_run("first")' in page.text
    assert page.url == "https://docs.test/tool/_core.py#L3"


def test_classes_with_their_methods(found: Gathered) -> None:
    page = found.pages["docstring:tool.Run"]
    assert "class tool.Run(name: str, depth=1)" in page.text and "- `log`: Log a number." in page.text
    assert "tool.Run.log(value: float, step: int | None = None) -> None" in found.pages["docstring:tool.Run.log"].text


def test_what_has_no_docstring_has_its_signature(found: Gathered) -> None:
    assert "tool.Run.push(remote=None)" in found.pages["docstring:tool.Run.push"].text


def test_what_is_left_out(found: Gathered) -> None:
    assert sorted(path.removeprefix("docstring:") for path in found.pages) == [
        "tool.LIMIT", "tool.Run", "tool.Run.log", "tool.Run.push", "tool.helpers.helper", "tool.start_run",
    ]  # fmt: skip


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    gathered = package.gather(tmp_path, ["absent"], str)
    assert not gathered.pages and "absent" in gathered.bad[0]


COMMANDS = {
    "__init__.py": "",
    "commands/__init__.py": "",
    "commands/sync.py": """from tool.cli import link
def add_parser(subparsers, parent):
    PUSH_HELP = "Upload tracked files to the storage."
    push_parser = subparsers.add_parser("push", aliases=["send"], description=link(PUSH_HELP, "push"), help=PUSH_HELP)
    push_parser.add_argument("-r", "--remote", help="Storage to push to (%(default)s)")
    push_parser.add_argument("targets", nargs="*", help="What to push.")
    rm_parser = subparsers.add_parser("remove", help="Stop tracking files.")
    rm_parser.add_argument("--outs", dest="outputs", help="Outputs as well.")
""",
    "commands/remote.py": """def add_parser(subparsers, parent):
    remote_parser = subparsers.add_parser("remote", help="Storages.")
    inner = remote_parser.add_subparsers()
    inner_parser = inner.add_parser("remove", help="Remove a storage.")
    inner_parser.add_argument("name", help="Which.")
""",
    "repo/__init__.py": '''from tool.other import Elsewhere
class Repo:
    """A repository."""
    from tool.repo.push import push
    def remove(self, target, outputs=False): ...
    def send(self):
        """Is documented already."""
''',
    "repo/push.py": "def push(self, targets=None, remote=None): ...\n",
    "other.py": '''class Elsewhere:
    """Is used here and there."""
    def remove(self, force=False): ...
    def push(self): ...
''',
}


@pytest.fixture
def with_commands(tmp_path: Path) -> Gathered:
    for path, text in COMMANDS.items():
        target = tmp_path / "tool" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return package.gather(tmp_path, ["tool"], str)


def test_functions_take_what_their_command_says(with_commands: Gathered) -> None:
    found = with_commands
    push = found.pages["docstring:tool.repo.Repo.push"]
    assert "Upload tracked files to the storage." in push.text and "`tool push`" in push.text
    assert "- `targets`: What to push.\n- `remote`: Storage to push to (default)" in push.text
    remove = found.pages["docstring:tool.repo.Repo.remove"]  # the command itself, not `tool remote remove`
    assert "Stop tracking files." in remove.text and "- `outputs`: Outputs as well." in remove.text
    assert "command" not in found.pages["docstring:tool.repo.Repo.send"].text
    assert "Upload" not in str([page.text for path, page in found.pages.items() if "Elsewhere" in path])


def test_what_a_package_imports_for_its_own_use_has_no_name_there(with_commands: Gathered) -> None:
    assert with_commands.pages["docstring:tool.other.Elsewhere"].names == ("tool.other.Elsewhere",)
