"""Pythons of this machine for the process sandbox: one that has everything already, or one built for it and kept."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_bot.errors import SandboxError
from mlops_bot.sandbox.pip_options import FLAGS, PipOptions, option
from mlops_bot.sandbox.requirements import INVENTORY, Inventory, digest, install_error, missing, normalised
from mlops_bot.types import Progress

BUILD_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Environment:
    python: Path
    inventory: Inventory
    origin: str

    @property
    def id(self) -> str:
        return self.inventory.id

    @property
    def description(self) -> str:
        return f"{self.origin}, Python {self.inventory.python}, {len(self.inventory.distributions)} packages"


class Environments:
    """Finds, or builds once and keeps under `cache_dir`, a Python in which given requirements are installed."""

    def __init__(
        self, cache_dir: Path, interpreters: Sequence[Path], pip: PipOptions, progress: Progress | None = None
    ) -> None:
        self._cache_dir = cache_dir
        self._interpreters = tuple(interpreters)
        self._pip = pip
        self._progress = progress
        self._known: dict[Path, Inventory | None] = {}

    def find_or_build(self, requirements: Sequence[str]) -> Environment:
        """Raises UserError (malformed requirement) or SandboxError (cannot be installed)."""
        wanted = normalised(requirements)
        running = Path(sys.executable)
        for python, origin in ((running, "this Python"), *((path, str(path)) for path in self._interpreters)):
            inventory = self._inventory(python)
            if inventory is not None and not missing(wanted, inventory):
                return Environment(python, inventory, origin)
        return self._built(wanted)

    def _inventory(self, python: Path) -> Inventory | None:
        """None for something that is not a working Python."""
        if python not in self._known:
            try:
                done = subprocess.run(
                    [str(python), "-I", "-c", INVENTORY], capture_output=True, text=True, timeout=60, check=True
                )
                self._known[python] = Inventory.parse(done.stdout)
            except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
                self._known[python] = None
        return self._known[python]

    def _built(self, wanted: tuple[str, ...]) -> Environment:
        own = self._inventory(Path(sys.executable))
        key = digest(own.python if own else sys.version, *wanted, *self._pip.as_uv())[:16]
        folder = self._cache_dir / key
        python = folder / "bin" / "python"
        ready = folder / ".complete"
        # Built where it stays, as its scripts name their own place; complete only with the mark, written last.
        with self._locked(folder):
            if not ready.is_file():
                shutil.rmtree(folder, ignore_errors=True)
                try:
                    self._build(folder, wanted)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
                ready.touch()
            inventory = self._inventory(python)
        if inventory is None:
            shutil.rmtree(folder, ignore_errors=True)
            raise SandboxError(f"the environment in {folder} does not work; it was removed", hint="try again")
        return Environment(python, inventory, "an environment built for its requirements")

    @contextlib.contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        """One builder at a time, over threads and processes; given back by the kernel when its holder dies."""
        import fcntl

        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            handle = folder.with_suffix(".lock").open("w")
        except OSError as error:
            raise SandboxError(f"cannot write to the cache folder {folder.parent}: {error.strerror}") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("waiting for another build of the same environment")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _build(self, folder: Path, wanted: tuple[str, ...]) -> None:
        self._say(f"installing {', '.join(wanted)}")
        uv = _uv()
        if uv is not None:
            base = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
            install = [uv, "pip", "install", "--python", str(folder / "bin" / "python"), "--only-binary", ":all:"]
            if _run(base) is None and _run([*install, *self._pip.as_uv(), "--", *wanted]) is None:
                return
            # uv does not read pip's configuration files: what it cannot find, pip may.
            shutil.rmtree(folder, ignore_errors=True)
        error = _run([sys.executable, "-m", "venv", str(folder)])
        if error is None:
            options = list(self._pip_words())
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
            error = _run([*pip, "--only-binary", ":all:", *options, "--", *wanted])
        if error is not None:
            raise install_error(wanted, error)

    def _pip_words(self) -> Iterator[str]:
        for name, value in self._pip.known().items():
            if name not in FLAGS:
                yield from (f"{option(name)}={word}" for word in value.split())
            else:
                yield option(name)

    def _say(self, message: str) -> None:
        if self._progress is not None:
            self._progress("prepare", message)


def _uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.is_file() else shutil.which("uv")


def _run(command: Sequence[str]) -> str | None:
    """None when it went well, else what it printed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} took longer than {BUILD_SECONDS:.0f} s"
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")
