"""git-lfs as far as programs use it, with a folder in the place of its server: install, track, untrack, clean, smudge.

It is the same for every run, whether the machine has Git LFS or not, and needs no network.
"""

import hashlib
import os
import re
import subprocess
import sys

POINTER = re.compile(rb"\Aversion https://git-lfs[^\n]*\noid sha256:([0-9a-f]{64})\nsize (\d+)\n\Z")
ATTRIBUTES = "filter=lfs diff=lfs merge=lfs -text"
QUIET = ("fetch", "push", "prune", "status", "update", "env", "pre-push", "post-checkout", "post-commit", "post-merge")


def stored(oid: str) -> str:
    return os.path.join(os.environ["MLOPS_WORLD"], "lfs", oid[:2], oid)


def clean() -> int:
    """A file's bytes -> a pointer; the bytes are kept."""
    content = sys.stdin.buffer.read()
    if not content or POINTER.match(content):
        sys.stdout.buffer.write(content)
        return 0
    oid = hashlib.sha256(content).hexdigest()
    os.makedirs(os.path.dirname(stored(oid)), exist_ok=True)
    with open(stored(oid), "wb") as file:
        file.write(content)
    head = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (oid, len(content))
    sys.stdout.buffer.write(head.encode())
    return 0


def smudge() -> int:
    """A pointer -> the bytes, where they are known."""
    content = sys.stdin.buffer.read()
    match = POINTER.match(content)
    if match and not os.environ.get("GIT_LFS_SKIP_SMUDGE"):
        try:
            with open(stored(match[1].decode()), "rb") as file:
                content = file.read()
        except OSError:
            pass
    sys.stdout.buffer.write(content)
    return 0


def install(words: "list[str]") -> int:
    where = "--local" if "--local" in words else "--global"
    for key, value in (
        ("clean", "git-lfs clean -- %f"),
        ("smudge", "git-lfs smudge -- %f"),
        ("required", "true"),
    ):
        subprocess.check_call(["git", "config", where, "filter.lfs." + key, value])
    print("Git LFS initialized.")
    return 0


def uninstall(words: "list[str]") -> int:
    where = "--local" if "--local" in words else "--global"
    subprocess.call(["git", "config", where, "--remove-section", "filter.lfs"])
    print("Global Git LFS configuration has been removed.")
    return 0


def lines() -> "list[str]":
    try:
        with open(".gitattributes", encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []


def track(words: "list[str]") -> int:
    patterns = [word.replace(" ", "[[:space:]]") for word in words if not word.startswith("-")]
    known = lines()
    for pattern in patterns:
        if any(row.split(" ")[0] == pattern and "filter=lfs" in row for row in known):
            print('"%s" already supported' % pattern)
            continue
        known.append("%s %s" % (pattern, ATTRIBUTES))
        print('Tracking "%s"' % pattern)
    if patterns:
        save(known)
    else:
        print("Listing tracked patterns")
        print("".join("    %s (.gitattributes)\n" % row.split(" ")[0] for row in known if "filter=lfs" in row), end="")
    return 0


def untrack(words: "list[str]") -> int:
    save([row for row in lines() if row.split(" ")[0] not in words])
    for pattern in words:
        print('Untracking "%s"' % pattern)
    return 0


def save(rows: "list[str]") -> None:
    with open(".gitattributes", "w", encoding="utf-8") as file:
        file.write("".join(row + "\n" for row in rows))


def ls_files() -> int:
    listed = subprocess.check_output(["git", "ls-tree", "-r", "-z", "--full-name", "HEAD"])
    for row in filter(None, listed.split(b"\0")):
        head, _, path = row.partition(b"\t")
        match = POINTER.match(subprocess.check_output(["git", "cat-file", "-p", head.split()[2].decode()]))
        if match:
            print("%s * %s" % (match[1].decode()[:10], path.decode("utf-8", "replace")))
    return 0


def checkout() -> int:
    """Pointers in the working tree become files again."""
    for path in filter(None, subprocess.check_output(["git", "ls-files", "-z"]).split(b"\0")):
        try:
            with open(path, "rb") as file:
                match = POINTER.match(file.read(1024))
            if match:
                with open(stored(match[1].decode()), "rb") as known, open(path, "wb") as target:
                    target.write(known.read())
        except OSError:
            continue
    return 0


def main() -> int:
    command, words = (sys.argv[1] if len(sys.argv) > 1 else "version"), sys.argv[2:]
    if command in ("version", "--version"):
        print("git-lfs/3.0.0 (stand-in of a smoke run)")
        return 0
    with_words = {"install": install, "uninstall": uninstall, "track": track, "untrack": untrack}
    if command in with_words:
        return with_words[command](words)
    alone = {"clean": clean, "smudge": smudge, "ls-files": ls_files, "pull": checkout, "checkout": checkout}
    if command in alone:
        return alone[command]()
    if command in QUIET:
        return 0
    sys.stderr.write("git-lfs: the stand-in of a smoke run has no `%s`\n" % command)
    return 1


if __name__ == "__main__":
    sys.exit(main())
