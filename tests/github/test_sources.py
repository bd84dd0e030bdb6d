"""Which files of a repository a run needs, from its tree alone, each fetched once."""

from __future__ import annotations

import pytest

from mlops_bot.errors import UserError
from mlops_bot.github import sources
from mlops_bot.github.model import Entry, Tree


class Repo:
    """A tree, and what was fetched of it."""

    def __init__(self, files: dict[str, str | bytes], modes: dict[str, str] | None = None) -> None:
        self.files = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
        self.modes = modes or {}
        self.fetched: list[str] = []

    def tree(self, whole: bool = True) -> Tree:
        return Tree(
            {
                path: Entry(path, self.modes.get(path, "100644"), path, len(content))
                for path, content in self.files.items()
            },
            whole,
        )

    def read(self, entry: Entry) -> bytes:
        self.fetched.append(entry.path)
        return self.files[entry.path]

    def gather(self, *scripts: str, also: tuple[str, ...] = ()) -> sources.Sources:
        return sources.gather(self.tree(), scripts, self.read, also=also)


def test_imports_are_followed_and_nothing_else_is_fetched() -> None:
    repo = Repo({
        "train.py": "import torch\nimport helpers\nfrom pkg.models import net\nfrom pkg import data\n",
        "helpers.py": "import deep.er\n", "deep/er.py": "", "pkg/__init__.py": "from .init import x\n", "pkg/init.py": "",
        "pkg/models/__init__.py": "", "pkg/models/net.py": "from ..util import u\n", "pkg/util.py": "", "pkg/data.py": "",
        "pkg/unused.py": "", "other.py": "", "README.md": "", "torch_notes.txt": "", "requirements.txt": "torch\n",
    })  # fmt: skip
    assert set(repo.gather("train.py").files) == {
        "train.py", "helpers.py", "deep/er.py", "pkg/__init__.py", "pkg/init.py", "pkg/models/__init__.py",
        "pkg/models/net.py", "pkg/util.py", "pkg/data.py", "requirements.txt",
    }  # fmt: skip
    assert len(repo.fetched) == len(set(repo.fetched))


def test_a_script_in_a_folder() -> None:
    repo = Repo({
        "ml/exp/train.py": "from lib import a\nimport near\nfrom . import beside\n", "ml/exp/near.py": "", "ml/exp/beside.py": "",
        "ml/src/lib/a.py": "", "src/lib/a.py": "", "ml/pyproject.toml": "", "pyproject.toml": "", "ml/requirements/base.txt": "",
        "ml/exp/setup.cfg": "", "other/requirements.txt": "", "ml/dev-requirements.in": "",
    })  # fmt: skip
    assert set(repo.gather("ml/exp/train.py").files) == set(repo.files) - {"src/lib/a.py", "other/requirements.txt"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('open("data/a.csv")', {"data/a.csv"}),
        ('open("a.csv")', {"data/a.csv"}),  # joined to its folder somewhere
        ('Path("data") / name', {"data/a.csv", "data/b.csv", "data/deep/c.csv"}),
        ('glob("data/*.csv")', {"data/a.csv", "data/b.csv", "data/deep/c.csv"}),
        ('open(f"data/{name}.csv")', {"data/a.csv", "data/b.csv", "data/deep/c.csv"}),
        ('load("conf/train.yaml")', {"conf/train.yaml", "data/b.csv"}),  # which names another
        ('print("nothing at all")', set()),
        ('print("*")', set()),
        ('open("/etc/passwd")', set()),
    ],
)
def test_files_that_a_program_names(text: str, named: set[str]) -> None:
    repo = Repo({
        "train.py": f"{text}\n", "data/a.csv": "1", "data/b.csv": "2", "data/deep/c.csv": "3", "conf/train.yaml": "data: data/b.csv\n",
        "secret.txt": "",
    })  # fmt: skip
    assert set(repo.gather("train.py").files) == {"train.py"} | named


def test_what_the_configuration_names() -> None:
    repo = Repo({"train.py": "", "conf/a.yaml": "", "data/x": "", "data/y/z": ""})
    found = repo.gather("train.py", also=("python train.py --config conf/a.yaml", "data"))
    assert set(found.files) == set(repo.files)


def test_a_folder_that_is_too_large_is_not_guessed_at() -> None:
    repo = Repo({"train.py": 'Path("images")\n', **{f"images/{n}.png": "" for n in range(100)}})
    assert set(repo.gather("train.py").files) == {"train.py"}


def test_what_cannot_be_had_is_noted() -> None:
    repo = Repo(
        {"train.py": 'import link\nopen("big.bin")\nopen("lfs.bin")\nopen("sub")\nopen(".github/x.yml")\n', "link.py": "elsewhere",
         "big.bin": b"x" * 21_000_000, "lfs.bin": b"version https://git-lfs.github.com/spec/v1\n", "sub": "", ".github/x.yml": ""},
        {"link.py": "120000", "sub": "160000"},
    )  # fmt: skip
    found = repo.gather("train.py")
    assert set(found.files) == {"train.py"}
    for note in (
        "link.py is a link",
        "big.bin has 21 MB",
        "lfs.bin is in Git LFS",
        "sub is a submodule",
        ".github/x.yml is the repository's own configuration",
    ):
        assert any(note in said for said in found.notes), note


def test_there_is_a_bound() -> None:
    repo = Repo({"train.py": "".join(f"import m{n}\n" for n in range(300)), **{f"m{n}.py": "" for n in range(300)}})
    found = repo.gather("train.py")
    assert len(found.files) == sources.MOST_FILES and "no more than" in found.notes[0]


@pytest.mark.parametrize("text", ["def (", "\0", "import " + "(" * 3000, b"\xff\xfe"])
def test_a_script_that_cannot_be_read_is_somebody_elses_to_refuse(text: str | bytes) -> None:
    assert set(Repo({"train.py": text}).gather("train.py").files) == {"train.py"}


def test_a_script_that_is_not_there() -> None:
    with pytest.raises(UserError, match="is not in the pull request's head"):
        Repo({}).gather("train.py")
    with pytest.raises(UserError, match="is in Git LFS"):
        Repo({"train.py": "version https://git-lfs.github.com/spec/v1\n"}).gather("train.py")


def test_a_list_that_github_cut_is_noted() -> None:
    repo = Repo({"train.py": ""})
    found = sources.gather(repo.tree(whole=False), ["train.py"], repo.read)
    assert "more files than GitHub lists" in found.notes[0]
