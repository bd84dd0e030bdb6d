"""Which files of a pull request are taken, and the reason for every one that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_bot.github.model import ChangedFile, Config, Entry, FileResult, TrainingFiles, Tree
from mlops_bot.github.select import Selection, candidates, choose, local_modules
from mlops_bot.types import Command

ADD = Command("add", "mlflow", functionality="experiment-tracking")
TRAIN = b"from sklearn.svm import SVC\n\nmodel = SVC()\nmodel.fit([[0], [1]], [0, 1])\nprint(model.score([[0]], [0]))\n"
LIBRARY = (
    b"import torch\n\n\ndef step(model, x, opt):\n    loss = model(x).sum()\n    loss.backward()\n    opt.step()\n"
)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 10\n"


def tree(*paths: str, **entries: Entry) -> Tree:
    found = {path: Entry(path, "100644", "0" * 40, 100) for path in paths}
    return Tree({**found, **{entry.path: entry for entry in entries.values()}})


def changed(*paths: str) -> list[ChangedFile]:
    return [ChangedFile(path, "modified", mode="100644", size=100) for path in paths]


def select(
    command: Command, files: list[ChangedFile], contents: dict[str, bytes], *, config: Config | None = None,
    at: Tree | None = None,
) -> Selection:  # fmt: skip
    config, at = config or Config(), at or tree(*(file.path for file in files))
    found = candidates(command, files, at, config)
    return choose(found, {path: contents[path] for path in found.paths if path in contents}, at, config)


def reasons(selection: Selection) -> dict[str, tuple[str, str | None]]:
    return {result.path: (result.status, result.reason) for result in selection.results}


def test_training_scripts_are_detected_among_the_changed_files() -> None:
    files = changed("README.md", "src/train.py", "src/data.py", "lib.py", "tests/test_train.py", "nb.ipynb", "x.yml")
    contents = {"src/train.py": TRAIN, "src/data.py": b"x = 1\n", "lib.py": LIBRARY}
    found = select(ADD, files, contents)
    assert found.paths == ("src/train.py",)
    told = reasons(found)
    assert told["tests/test_train.py"] == ("skipped", "is a test")
    assert told["nb.ipynb"] == ("skipped", "cannot be read at the pull request's head")
    assert "is not a training script" in (told["src/data.py"][1] or "")
    assert "may be a training script, but not surely" in (told["lib.py"][1] or "")
    assert {"README.md", "x.yml"}.isdisjoint(told), "other files are no news"


def test_removed_files_are_gone_and_renamed_ones_are_taken_by_their_new_name() -> None:
    files = [ChangedFile("old.py", "removed"), replace(changed("new.py")[0], status="renamed", previous_path="was.py")]
    assert select(ADD, files, {"new.py": TRAIN}) == Selection(("new.py",))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (Entry("x.py", "120000", "", 8), "is a symbolic link"),
        (Entry("x.py", "160000", "", None), "is a submodule"),
        (Entry("x.py", "100644", "", 3_000_000), "has 3.0 MB, at most 1 MB is read"),
        (Entry("x.bin", "100644", "", 8), "is no Python file"),
        (Entry("x.ipynb", "100644", "", 30_000_000), "has 30.0 MB, at most 20 MB is read"),
        (Entry("a\u202eb.py", "100644", "", 8), "has characters that nobody sees"),
        (Entry(".github/x.py", "100644", "", 8), "is the repository's own configuration"),
    ],
)
def test_what_cannot_be_adapted_is_refused_by_name(entry: Entry, reason: str) -> None:
    """Named by a person: refused. Listed by the configuration: refused. Only changed: skipped."""
    at = tree(x=entry)
    named = select(replace(ADD, paths=(entry.path,)), [], {}, at=at)
    assert [(r.status, (r.reason or "")[: len(reason)]) for r in named.results] == [("refused", reason)]
    file = ChangedFile(entry.path, "added", mode=entry.mode, size=entry.size)
    listed = select(ADD, [file], {}, at=at, config=Config(files=(TrainingFiles("**"),)))
    assert [(r.status, (r.reason or "")[: len(reason)]) for r in listed.results] == [("refused", reason)]
    looked_at = select(ADD, [file], {}, at=at)
    assert [r.status for r in looked_at.results] == ([] if entry.path.endswith(".bin") else ["skipped"])
    assert not named.paths and not listed.paths and not looked_at.paths


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LFS, "is a Git LFS pointer"),
        (b"\x80\0\1", "is a binary file, not Python source"),
        (b"def f(:\n", "line 1"),
        (b"  \n", "is empty"),
        (b"# \xff\n", "line 1: byte 0xff is not UTF-8"),
        (b"x = 1\n", "is not a training script: "),
        (b"x = 1\n" * 200_000, "has 1.2 MB"),
        (None, "cannot be read"),
    ],
)
def test_contents_that_are_no_training_script_are_refused_by_name(content: bytes | None, reason: str) -> None:
    found = select(replace(ADD, paths=("x.py",)), [], {} if content is None else {"x.py": content}, at=tree("x.py"))
    assert found.paths == ()
    assert found.results[0].status == "refused"
    assert reason in (found.results[0].reason or "")


def test_paths_of_the_command_win_over_configuration_and_detection() -> None:
    config = Config(files=(TrainingFiles("a.py"),), exclude=("b.py",))
    found = select(
        replace(ADD, paths=("b.py", "lib.py")), changed("a.py"), {"a.py": TRAIN, "b.py": TRAIN, "lib.py": LIBRARY},
        config=config, at=tree("a.py", "b.py", "lib.py"),
    )  # fmt: skip
    assert found.paths == ("b.py", "lib.py"), "a person who names a file knows better than the analysis is unsure"


@pytest.mark.parametrize(
    ("path", "reason", "hint"),
    [
        ("src", "is a folder", "name the files in it, such as src/train.py"),
        ("src/", "is a folder", "src/train.py"),
        (".", "is a folder", "src/train.py"),
        ("train.py", "does not exist", "did you mean `src/train.py`?"),
        ("src/trian.py", "does not exist", "did you mean `src/train.py`?"),
        ("zzzzzz", "does not exist", None),
        ("src/*.py", "is a pattern", "under `files`"),
    ],
)
def test_paths_that_are_not_there_get_a_suggestion(path: str, reason: str, hint: str | None) -> None:
    found = select(replace(ADD, paths=(path,)), [], {}, at=tree("src/train.py", "README.md"))
    assert found.paths == ()
    assert reason in (found.results[0].reason or "")
    assert hint in (found.results[0].hint or "") if hint else found.results[0].hint is None


def test_patterns_of_the_configuration_replace_detection() -> None:
    config = Config(files=(TrainingFiles("train/**/*.py"),), exclude=("train/old/**",))
    files = changed("train/a.py", "train/old/b.py", "other.py", "train/notes.md")
    found = select(ADD, files, {"train/a.py": LIBRARY, "other.py": TRAIN}, config=config)
    assert found.paths == ("train/a.py",)
    assert found.results == (FileResult("train/old/b.py", "skipped", "`exclude` of the configuration names it"),)


def test_of_more_files_than_allowed_those_are_taken_that_the_pull_request_is_about() -> None:
    paths = [f"t{n}.py" for n in range(5)]
    files = changed(*paths)
    files[3] = replace(files[3], patch="@@ -1,1 +1,2 @@\n a\n+b", additions=1)
    files[4] = replace(files[4], additions=900)
    found = select(ADD, files, dict.fromkeys(paths, TRAIN), config=Config(max_files=2))
    assert found.paths == ("t3.py", "t4.py")
    assert {r.path for r in found.results} == {"t0.py", "t1.py", "t2.py"}
    assert "2 files at most" in (found.results[0].reason or "")


def test_a_changed_training_loop_counts_more_than_many_changed_lines() -> None:
    loop = (
        b"import torch\n\nmodel = torch.nn.Linear(1, 1)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        b"for epoch in range(3):\n    loss = model(torch.ones(1, 1)).sum()\n    loss.backward()\n    optimizer.step()\n"
    )
    files = changed("a.py", "b.py")
    files[0] = replace(files[0], patch="@@ -0,0 +1,3 @@\n+x\n+x\n+x", additions=3)
    files[1] = replace(files[1], patch="@@ -6,1 +6,2 @@\n a\n+b", additions=1)
    assert select(ADD, files, {"a.py": loop, "b.py": loop}, config=Config(max_files=1)).paths == ("b.py",)


def test_a_list_that_github_cut_is_said() -> None:
    found = select(ADD, changed(*(f"f{n}.md" for n in range(3000))), {})
    assert "GitHub lists 3000 changed files at most" in (found.results[-1].reason or "")


def test_a_tree_that_github_cut_leaves_named_paths_to_their_content() -> None:
    found = select(replace(ADD, paths=("deep/t.py",)), [], {"deep/t.py": TRAIN}, at=Tree({}, whole=False))
    assert found.paths == ("deep/t.py",)


def test_a_repositorys_own_modules_are_known() -> None:
    paths = ["src/pkg/__init__.py", "src/pkg/a.py", "scripts/train.py", "scripts/util.py", "setup.py", "deep/er/x.py"]
    assert local_modules(paths, "scripts/train.py") == {"pkg", "util", "setup", "scripts"}
