"""The world that stands in for Git's remotes and Git LFS."""

from __future__ import annotations

import subprocess

from tests.sandbox.smoke.support import Smoke

PROGRAM = """
import os, subprocess
def git(*words, cwd="."):
    return subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True, text=True).stdout
git("lfs", "install")
git("lfs", "track", "*.bin")
with open("big.bin", "wb") as file:
    file.write(b"x" * 5000)
git("add", "--all")
git("commit", "-m", "Big file")
git("push")
git("clone", "git@github.com:someone/data.git", "data")
print(sorted(name for name in os.listdir("data") if name != ".git"))
git("clone", git("remote", "get-url", "origin").strip(), "copy")
print(os.path.getsize("copy/big.bin"), len(git("cat-file", "blob", "HEAD:big.bin").splitlines()))
git("remote", "add", "hub", "https://example.com/new.git")
git("push", "hub", "HEAD")
print(git("log", "--format=%an %ad %s").strip())
"""


def test_every_address_is_a_local_repository_and_lfs_keeps_objects(smoke: Smoke) -> None:
    run = smoke(PROGRAM, files={"table.csv": "a,b\n"}, repository={"origin": True, "branch": "main"})
    assert run.code == 0, run.stderr
    assert run.stdout.splitlines() == [
        "['main.py', 'table.csv']",
        "5000 3",
        "Smoke Run Mon Jan 1 12:00:00 2024 +0000 Big file",
        "Smoke Run Mon Jan 1 12:00:00 2024 +0000 Start",
    ]
    assert run.notes("stand-in") == ["Git remotes"]
    world = run.root / ".mlops-bot" / "world"
    shown = subprocess.check_output(
        ["git", "-C", str(world / "remotes/example.com/new.git"), "log", "--all", "--format=%s"]
    )
    assert shown.decode().splitlines() == ["Big file", "Start"]


def test_without_it_the_project_is_no_repository(smoke: Smoke) -> None:
    run = smoke("import os; print(os.path.exists('.git'), 'MLOPS_WORLD' in os.environ)")
    assert run.stdout.split() == ["False", "False"]


READER = """
import os, subprocess
subprocess.check_call(["git", "pull", "--quiet"])
subprocess.check_call(["git", "clone", "--quiet", "https://example.com/data.git", "data"])
print(sorted(name for folder in (".", "data") for name in os.listdir(folder) if "stand-in" in name or name == ".dvc"))
print(os.path.isfile("data/table.csv"), os.path.isfile("data/table.csv.dvc"))
"""


def test_remotes_of_a_program_that_only_reads_have_data(smoke: Smoke) -> None:
    wanted = {"origin": True, "branch": "main", "reads": True, "suffixes": [".csv"]}
    files = {"table.csv": "a,b\n"}
    run = smoke(READER, files=files, repository=wanted)
    assert run.stdout.splitlines() == ["['stand-in.csv', 'stand-in.csv']", "True False"]
    run = smoke(READER, files=files, repository={**wanted, "under": "dvc"})
    assert run.stdout.splitlines() == ["['.dvc', '.dvc', 'stand-in.csv.dvc', 'stand-in.csv.dvc']", "False True"]
    assert len(list((run.root / ".mlops-bot" / "world" / "storage" / "files" / "md5").glob("*/*"))) == 2
