"""The recipe that moves programs from GitPython to DVC, as text; what it does when run is in tests/components/test_translations.py."""

from __future__ import annotations

import pytest

from mlops_bot import components, source
from mlops_bot.components.dvc.recipe import translate
from mlops_bot.types import NotApplicable, Rewritten

GITPYTHON = components.load_all()["gitpython"]
HEAD = 'from git import Repo\n\nrepo = Repo(".")\n'


def moved(text: str) -> Rewritten | NotApplicable:
    return translate(text, source.analyse("main.py", text), "version-control", source=GITPYTHON)


def body(text: str) -> str:
    """What became of the statements below HEAD."""
    result = moved(HEAD + text)
    assert isinstance(result, Rewritten), result
    compile(result.text, "main.py", "exec")
    return result.text.partition('repo = Repo(".")\n')[2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('repo.index.add(["a.csv"])', 'repo.index.add(under_dvc(repo, ["a.csv"]))'),
        ("repo.index.add(names)", "repo.index.add(under_dvc(repo, names))"),
        ('repo.git.add("a.csv", "b.py")', 'repo.git.add(*under_dvc(repo, ["a.csv", "b.py"]))'),
        ('repo.git.add("-f", "a.csv")', 'repo.git.add("-f", *under_dvc(repo, "a.csv"))'),
        ('repo.git.execute(["git", "add", path])', "repo.git.add(*under_dvc(repo, path))"),
        ("repo.git.add(A=True)", "repo.git.add(*under_dvc(repo))\nrepo.git.add(A=True)"),
        ("repo.git.add(update=True)", "repo.git.add(*under_dvc(repo, new=False))\nrepo.git.add(update=True)"),
        ('repo.git.add(".")', 'repo.git.add(*under_dvc(repo))\nrepo.git.add(".")'),
        ('repo.git.commit("-am", "x")', 'repo.git.add(*under_dvc(repo, new=False))\nrepo.git.commit("-am", "x")'),
        ("repo.remotes.origin.pull()", "repo.remotes.origin.pull()\nbring_data(repo.remotes.origin.repo, pull=True)"),
        ('repo.git.checkout("v1")', 'repo.git.checkout("v1")\nbring_data(repo)'),
        ("repo.heads.main.checkout()", "repo.heads.main.checkout()\nbring_data(repo.heads.main.repo)"),
        ('repo.git.lfs("track", "*.h5")', 'track_data(repo, "*.h5")'),
        ('other = Repo.clone_from(url, "x")', 'other = bring_data(Repo.clone_from(url, "x"), pull=True)'),
        ("if repo.is_dirty():\n    pass", "if (repo.is_dirty() or data_changed(repo)):\n    pass"),
        (
            'if not repo.git.status("-s"):\n    pass',
            'if not (repo.git.status("-s") or data_changed(repo)):\n    pass',
        ),
        (
            "names = [d.a_path for d in repo.index.diff(None)]",
            "names = ([d.a_path for d in repo.index.diff(None)] + changed_data(repo))",
        ),
        ('x = repo.head.commit.tree["a.csv"].data_stream.read()', 'x = data_at(repo.head.commit, "a.csv")'),
        ('repo.iter_commits("main", "a.csv")', 'repo.iter_commits("main", with_pointers("a.csv"))'),
        ('repo.index.remove(["a.csv"])', 'repo.index.remove(off_dvc(repo, ["a.csv"], keep=True))'),
        ('repo.git.rm("-r", "a.csv")', 'repo.git.rm("-r", *off_dvc(repo, ["a.csv"]))'),
    ],
)
def test_what_maps(before: str, after: str) -> None:
    assert body(before + "\n") == after + "\n"


def test_a_push_of_commits_is_preceded_by_one_of_all_their_data() -> None:
    assert body('repo.remote(name="origin").push()\n').startswith(
        'dvc_repo(repo.remote(name="origin").repo).push(all_commits=True)'
    )


def test_names_are_followed_through_functions_attributes_and_aliases() -> None:
    result = moved(
        "import git\n\n\ndef add(r, name):\n    r.index.add([name])\n\n\n"
        "class Keeper:\n    def __init__(self):\n        self.repo = git.Repo('.')\n\n"
        "    def keep(self):\n        add(self.repo, 'a.csv')\n        g = self.repo.git\n        g.add('b.csv')\n"
    )
    assert isinstance(result, Rewritten)
    assert "r.index.add(under_dvc(r, [name]))" in result.text
    assert "self.repo.git.add(*under_dvc(self.repo, 'b.csv'))" in result.text


def test_what_has_no_counterpart_is_said_and_left_as_a_comment() -> None:
    text = HEAD + 'if True:\n    repo.git.lfs("install")\nrepo.git.add("a.csv")\nrepo.git.diff()\n'
    result = moved(text)
    assert isinstance(result, Rewritten)
    assert "    pass  # lfs install: DVC needs no such step\n" in result.text
    assert "# Of data, Git shows the .dvc file" in result.text
    assert any("lfs install" in note for note in result.notes)


def test_code_is_left_alone_byte_by_byte() -> None:
    text = HEAD.replace("\n", "\r\n") + "x = 'ä'  # kept\r\nrepo.index.add(['ä.csv', \"b\"])\r\n"
    result = moved(text)
    assert isinstance(result, Rewritten)
    assert result.text.endswith("x = 'ä'  # kept\r\nrepo.index.add(under_dvc(repo, ['ä.csv', \"b\"]))\r\n")
    assert "\n" not in result.text.replace("\r\n", "")


def test_a_program_that_uses_dvc_already_stays_as_it_is() -> None:
    once = moved(HEAD + 'repo.index.add(["a.csv"])\n')
    assert isinstance(once, Rewritten)
    again = moved(once.text)
    assert isinstance(again, Rewritten)
    assert again.text == once.text


def test_a_file_named_dvc_does_not_hide_the_package() -> None:
    result = moved(HEAD + 'repo.git.add("dvc.py", "data.csv")\n')
    assert isinstance(result, Rewritten)
    assert result.text.index("sys.path = path") > result.text.index("from dvc.repo import Repo as DvcRepo")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('b = repo.head.commit.tree["a.csv"]\nb.data_stream.read()\nrepo.git.add("x.csv")', "read out of a commit"),
        ('repo.index.move(["a.csv", "b.csv"])', "may concern data"),
        ("repo.index.remove(names, working_tree=whether)", "may concern data"),
        ('repo.git.add("main.py")\nrepo.index.commit("x")', "there is no data to move"),
        ("repo.git.execute(words)", "put together elsewhere"),
        ('import subprocess\nsubprocess.run(["git", "push"])\nrepo.git.add("x.csv")', "run as a program"),
        ("x = repo.git.lfs('install')", "gives back is used"),
        ("print(repo.head.commit.hexsha)", "nothing in it adds"),
        ("under_dvc = 1\nrepo.git.add('x.csv')", "is bound by the program already"),
        ("return_value = [repo.git.checkout('a') for _ in x if repo.git.add(patch=True)]", "is not known here"),
    ],
)
def test_where_it_is_unsure_it_says_why(text: str, reason: str) -> None:
    result = moved(HEAD + text + "\n")
    assert isinstance(result, NotApplicable)
    assert reason in result.reason
