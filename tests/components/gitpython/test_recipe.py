"""The recipe that moves programs from DVC to GitPython, as text; what it does when run is in tests/components/test_translations.py."""

from __future__ import annotations

import pytest

from mlops_bot import components, source
from mlops_bot.components.gitpython.recipe import translate
from mlops_bot.types import NotApplicable, Rewritten

DVC = components.load_all()["dvc"]
HEAD = 'import dvc.api\nfrom dvc.repo import Repo as DvcRepo\nfrom git import Repo\n\nrepo = Repo(".")\ndvc = DvcRepo(".")\n'
BELOW = 'dvc = Repo(".", search_parent_directories=True)\n'


def moved(text: str) -> Rewritten | NotApplicable:
    return translate(text, source.analyse("main.py", text), "version-control", source=DVC)


def body(text: str) -> str:
    """What became of the statements below HEAD."""
    result = moved(HEAD + text)
    assert isinstance(result, Rewritten), result
    compile(result.text, "main.py", "exec")
    return result.text.partition(BELOW)[2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('dvc.add("a.csv")', 'dvc.git.add("--force", "a.csv")'),
        ("dvc.add(targets=names)", 'dvc.git.add("--force", names)'),
        ('dvc.remove("a.csv.dvc")', 'dvc.git.rm("--cached", "a.csv")'),
        ("dvc.commit()", 'dvc.git.add("--force", "--update")'),
        ("if dvc.status():\n    pass", "if dvc.is_dirty():\n    pass"),
        ("dvc.push(all_commits=True)", "# dvc push: Git's own push takes the data along"),
        ("if True:\n    dvc.pull()", "if True:\n    pass  # dvc pull: Git's own pull and clone bring the data"),
        ('repo.index.add(["a.csv.dvc", ".gitignore", "b.py"])', 'repo.index.add(["a.csv", "b.py"])'),
        ('repo.git.add(f"{name}.dvc", ".dvc/config", ".dvc")', 'repo.git.add(f"{name}")'),
        ("repo.index.add(names)", "repo.index.add(without_dvc(repo, names))"),
        ("repo.git.add(A=True)", "repo.git.add(A=True)"),
        ('repo.iter_commits(paths="a.csv.dvc")', 'repo.iter_commits(paths="a.csv")'),
        (
            'x = dvc.api.read("a.csv", rev=tag, mode="rb")',
            'x = Repo(".", search_parent_directories=True).commit(tag).tree["a.csv"].data_stream.read()',
        ),
    ],
)
def test_what_maps(before: str, after: str) -> None:
    head = HEAD.replace("dvc = ", "data = ") if "dvc.api" in before else HEAD
    text = head + before + "\n"
    result = moved(text)
    assert isinstance(result, Rewritten), result
    compile(result.text, "main.py", "exec")
    assert result.text.endswith(f"search_parent_directories=True)\n{after}\n")
    assert "dvc.repo" not in result.text
    assert "import dvc" not in result.text


def test_a_list_that_the_program_ignores_files_by_is_kept() -> None:
    text = 'open(".gitignore", "w").write("*.log")\nrepo.index.add(["a.csv.dvc", ".gitignore"])\n'
    assert 'without_dvc(repo, ["a.csv", ".gitignore"])' in body(text)


def test_configuration_of_remotes_is_gone_and_said() -> None:
    text = 'if new:\n    with dvc.config.edit("repo") as config:\n        config["core"]["remote"] = "s"\n'
    assert body(text) == "if new:\n    pass  # DVC's remotes have no counterpart: Git's remote holds the data\n"
    result = moved(HEAD + text)
    assert isinstance(result, Rewritten)
    assert any("remotes have no counterpart" in note for note in result.notes)


def test_paths_below_another_folder_are_made_absolute() -> None:
    result = moved('from dvc.repo import Repo\n\nrepo = Repo("work")\nrepo.add("work/a.csv")\n')
    assert isinstance(result, Rewritten)
    assert 'repo.git.add("--force", os.path.abspath("work/a.csv"))' in result.text
    assert "import os\n" in result.text
    compile(result.text, "main.py", "exec")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dvc.reproduce()", "`reproduce` has no counterpart"),
        ("stages = dvc.add('a.csv')", "gives back is used"),
        ('import subprocess\nsubprocess.run(["dvc", "push"])', "run as a program"),
        ("dvc.api.get_url('a.csv')", "no counterpart in Git"),
        ('x = dvc.api.read("a.csv", repo="https://example.com/data")', "needs a clone"),
        ("without_dvc = 1", "is bound by the program already"),
    ],
)
def test_where_it_is_unsure_it_says_why(text: str, reason: str) -> None:
    result = moved((HEAD.replace("dvc = ", "data = ") if "dvc.api" in text else HEAD) + text + "\n")
    assert isinstance(result, NotApplicable)
    assert reason in result.reason
