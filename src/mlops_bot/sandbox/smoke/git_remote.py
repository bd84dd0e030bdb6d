"""git-remote-standin NAME ADDRESS: a Git remote helper; every address is a local bare repository, made on demand."""

import os
import re
import shutil
import subprocess
import sys


def repository(address: str, filled: bool) -> str:
    """The bare repository that stands in for an address. `filled`: a new one has the project's files, else nothing."""
    path = re.sub(r"^[a-z+]+://|^git@|^[^/@]*@", "", address).replace(":", "/")
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    remotes = os.path.join(os.environ["MLOPS_WORLD"], "remotes")
    bare = os.path.join(remotes, *(parts or ["unnamed"]))
    if not bare.endswith(".git"):
        bare += ".git"
    if not os.path.isdir(bare):
        if filled:
            shutil.copytree(os.path.join(remotes, "seed.git"), bare)
        else:  # what is pushed to before it is read is new
            subprocess.check_call(["git", "init", "--quiet", "--bare", bare], stdout=sys.stderr)
    return bare


def line() -> str:
    """One line, and not a byte more: what follows is for the service that takes over."""
    found = b""
    while not found.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            break
        found += piece
    return found.decode("utf-8", "replace").strip()


def main() -> int:
    while True:
        words = line().split()
        if not words:
            return 0
        if words[0] == "capabilities":
            os.write(1, b"connect\n\n")
        elif words[0] == "connect" and words[1] in ("git-upload-pack", "git-receive-pack"):
            bare = repository(sys.argv[2], filled=words[1] == "git-upload-pack")
            os.write(1, b"\n")
            return subprocess.call(["git", words[1][4:], bare])
        else:
            return 1


if __name__ == "__main__":
    sys.exit(main())
