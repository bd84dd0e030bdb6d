"""The project around a training script: its root, its files, the data that a run needs. One script: see script.py."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlops_bot import notebook
from mlops_bot.errors import UserError
from mlops_bot.script import decode, encode, read_script
from mlops_bot.types import SourceFile

__all__ = [
    "Project",
    "decode",
    "encode",
    "encoded",
    "find_root",
    "gather",
    "local_modules",
    "read_script",
    "requirement_files",
]

MAX_FILE_BYTES = 20_000_000

_MARKERS = (".git", "pyproject.toml", "setup.py", "setup.cfg", "environment.yml", "environment.yaml")
_SKIPPED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".cache",
     ".ipynb_checkpoints", "node_modules", "mlruns", "wandb", ".mlops-bot", ".idea", ".vscode", ".eggs", ".venv"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Project:
    """The files that a verification run gets. `scripts` and the keys of `files` are POSIX, relative to `root`."""

    root: Path
    files: Mapping[str, bytes]
    scripts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def source(self, path: str) -> SourceFile:
        """One Python file as text, by its own encoding. UserError where it has none."""
        return SourceFile(path, decode(path, self.files[path]))

    def encode(self, path: str, text: str) -> bytes:
        """The bytes of a file's new text."""
        return encoded(path, text, self.files)


def encoded(path: str, text: str, files: Mapping[str, bytes]) -> bytes:
    """The bytes of a file's new text: Python by the encoding that the text names, a notebook with all that is not code
    as it is in `files`, everything else as UTF-8."""
    if notebook.is_notebook(path) and path in files:
        return notebook.notebook_of(path, files[path], text)
    return encode(text) if path.endswith(".py") else text.encode("utf-8")


def requirement_files(project: Project) -> dict[str, str]:
    """The project's files that list what it needs: path -> text. What is no UTF-8 is left out."""
    found = {}
    for path, content in project.files.items():
        name = PurePosixPath(path).name
        folder = PurePosixPath(path).parent.name
        if ".github" in PurePosixPath(path).parts:  # what workflows install is not the project's to change
            continue
        listed = name.endswith((".txt", ".in")) and ("requirements" in name or folder == "requirements")
        if listed or name in ("pyproject.toml", "environment.yml", "environment.yaml"):
            try:
                found[path] = content.decode("utf-8")
            except UnicodeDecodeError:
                continue
    return found


# --- the project around it -------------------------------------------------------------------------------------


def gather(
    scripts: Sequence[Path], *, data: Path | None = None, limit_mb: float = 256, root: Path | None = None
) -> Project:
    """The files of the project that `scripts` belong to.

    Root, unless it is given: the nearest ancestor of the first script with a project marker, else the script's
    directory. Left out: version control, virtual environments, caches, trackers' stores, files over 20 MB, links that
    leave the root. Over `limit_mb` the script's own directory and the local modules it imports are taken instead.
    `data` keeps its place inside the project; from elsewhere it is copied to `<directory of the first script>/<name>`.
    """
    if not scripts:
        raise UserError("no training script was named", hint="name at least one, such as train.py")
    places = [script.resolve() for script in scripts]
    root = root.resolve() if root is not None else find_root(places[0])
    for given, place in zip(scripts, places, strict=True):
        if not place.is_relative_to(root):
            raise UserError(
                f"{given}: is not in the project of {scripts[0]} ({root})",
                hint="name the scripts of one project at a time",
            )
    notes: list[str] = []
    limit = int(limit_mb * 1_000_000)
    files = _read_tree(root, root, limit, notes)
    if files is None:
        notes[:] = [
            f"{root} holds more than {limit_mb:g} MB; only the scripts' directories and what they import are used"
        ]
        files = _narrow(root, places, limit, notes)
    for place in places:
        files.setdefault(_relative(root, place), place.read_bytes())
    if data is not None:
        _add_data(files, root, places[0], data, limit, notes)
    return Project(root, files, tuple(_relative(root, place) for place in places), tuple(notes))


def find_root(script: Path) -> Path:
    """The nearest ancestor with a project marker; never the home directory or the file system's root."""
    stop = {Path(script.anchor), Path("~").expanduser()}
    for folder in script.parents:
        if folder in stop and folder != script.parent:
            break
        if any((folder / marker).exists() for marker in _MARKERS) or any(folder.glob("requirements*.txt")):
            return folder
    return script.parent


def local_modules(root: Path, script: Path) -> frozenset[str]:
    """The top-level modules that `script` can import from its own project."""
    found: set[str] = set()
    for folder in {script.parent, root, root / "src"}:
        if not folder.is_dir():
            continue
        for entry in folder.iterdir():
            if entry.suffix == ".py" and entry != script:
                found.add(entry.stem)
            elif entry.is_dir() and entry.name.isidentifier() and next(entry.glob("*.py"), None) is not None:
                found.add(entry.name)
    return frozenset(found)


def _relative(root: Path, path: Path) -> str:
    return PurePosixPath(path.relative_to(root)).as_posix()


def _walk(start: Path, root: Path, notes: list[str]) -> Iterator[Path]:
    """The files below `start`, sorted; no directory link is followed."""
    for folder, folders, names in os.walk(start):
        here = Path(folder)
        kept = []
        for name in sorted(folders):
            entry = here / name
            if name in _SKIPPED or name.endswith(".egg-info") or (entry / "pyvenv.cfg").exists():
                continue
            if entry.is_symlink():
                notes.append(f"{_relative(root, entry)} is a link to a directory and was left out")
                continue
            kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            yield here / name


def _read(path: Path, root: Path, notes: list[str]) -> bytes | None:
    """One file's content; None, with a note where a person should know, if it is left out."""
    shown = _relative(root, path)
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            notes.append(f"{shown} is a link that leaves the project and was left out")
            return None
        if not path.is_file():  # sockets, pipes, devices
            return None
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            notes.append(f"{shown} has {size / 1e6:.0f} MB (over {MAX_FILE_BYTES / 1e6:.0f} MB) and was left out")
            return None
        return path.read_bytes()
    except (OSError, RuntimeError) as error:
        notes.append(f"{shown} cannot be read and was left out ({getattr(error, 'strerror', None) or error})")
        return None


def _read_tree(start: Path, root: Path, limit: int, notes: list[str]) -> dict[str, bytes] | None:
    """All files below `start`; None when they are more than `limit` bytes together."""
    files: dict[str, bytes] = {}
    total = 0
    for path in _walk(start, root, notes):
        if path.suffix in (".pyc", ".pyo"):
            continue
        content = _read(path, root, notes)
        if content is None:
            continue
        total += len(content)
        if total > limit:
            return None
        files[_relative(root, path)] = content
    return files


def _narrow(root: Path, scripts: Sequence[Path], limit: int, notes: list[str]) -> dict[str, bytes]:
    """The scripts' own directories, the local modules they import, and the project's requirement files."""
    files: dict[str, bytes] = {}
    for script in scripts:
        found = _read_tree(script.parent, root, limit, notes) if script.parent != root else None
        if found is None:  # too large as well: its Python files and its small text files
            found = {}
            for path in sorted(script.parent.iterdir()):
                if path.suffix in (".py", ".txt", ".toml", ".cfg", ".yml", ".yaml", ".json", ".csv") and path.is_file():
                    if path.stat().st_size <= 1_000_000 and (content := _read(path, root, notes)) is not None:
                        found[_relative(root, path)] = content
        files.update(found)
        for folder in _imported_folders(root, script):
            files.update(_read_tree(folder, root, limit, notes) or {})
    for path in sorted(root.iterdir()):
        if path.is_file() and path.suffix in (".py", ".txt", ".toml", ".cfg", ".yml", ".yaml"):
            if path.stat().st_size <= 1_000_000 and (content := _read(path, root, notes)) is not None:
                files[_relative(root, path)] = content
    if sum(len(content) for content in files.values()) > limit:
        raise UserError(
            f"{scripts[0]}: its folder holds more than {limit / 1e6:g} MB",
            hint="move data out of it, or pass the part that a short run needs with --data",
        )
    return files


def _imported_folders(root: Path, script: Path) -> list[Path]:
    """Packages of the project that the script imports."""
    from mlops_bot.source.program import Program

    program = Program(str(script), decode(str(script), script.read_bytes()))
    tops = {module.partition(".")[0] for module in program.modules if not module.startswith(".")}
    places = [base / name for name in sorted(tops) for base in (script.parent, root, root / "src")]
    return [p for p in dict.fromkeys(places) if p.is_dir() and not p.is_symlink() and p.is_relative_to(root)]


def _add_data(files: dict[str, bytes], root: Path, script: Path, data: Path, limit: int, notes: list[str]) -> None:
    """`--data`: a file or a directory, at its own place in the project or beside the script."""
    if not data.exists():
        raise UserError(f"--data {data}: does not exist", hint="give a directory or a file that the script reads")
    source = data.resolve()
    inside = source.is_relative_to(root) and source != root
    target = _relative(root, source if inside else script.parent / source.name)
    total = 0
    found: dict[str, bytes] = {}
    entries = [source] if source.is_file() else list(_data_files(source, notes))
    for path in entries:
        suffix = "" if source.is_file() else f"/{PurePosixPath(path.relative_to(source)).as_posix()}"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(
                f"--data {data}: {path} cannot be read: {error.strerror}", hint="check permissions"
            ) from None
        total += len(content)
        if total > 8 * limit:
            raise UserError(
                f"--data {data}: holds more than {8 * limit / 1e6:g} MB",
                hint="pass a small part of the data for the check",
            )
        found[target + suffix] = content
    clash = sorted(set(found) & set(files)) if not inside else []
    if clash:
        raise UserError(
            f"--data {data}: would replace {clash[0]} of the project",
            hint="rename the directory that is passed with --data",
        )
    files.update(found)
    notes.append(f"{data} was copied in as {target} ({len(found)} files, {total / 1e6:.1f} MB)")


def _data_files(source: Path, notes: list[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(n for n in folders if not (Path(folder) / n).is_symlink())
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_symlink() and not path.resolve().is_relative_to(source):
                notes.append(f"{path} is a link that leaves {source} and was left out")
            elif path.is_file():
                yield path
