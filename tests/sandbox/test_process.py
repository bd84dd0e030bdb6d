"""What only the process sandbox does: finding or building a Python, and its levels of isolation."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest
from tests.sandbox.conftest import LIMITS
from tests.sandbox.wheels import make_wheel

from mlops_bot.errors import SandboxError, UserError
from mlops_bot.sandbox import environments
from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.sandbox.process import ProcessSandbox, remove_tree
from mlops_bot.types import Job, Sandbox

pytestmark = pytest.mark.usefixtures("no_index")


@pytest.fixture
def no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip and uv look into this test's folder of wheels, and nowhere else."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))


@pytest.fixture
def pip(tmp_path: Path) -> PipOptions:
    make_wheel(tmp_path / "wheels", "madeup", "1.5")
    return PipOptions({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")})


def test_it_is_a_sandbox_that_does_not_isolate(tmp_path: Path) -> None:
    sandbox = ProcessSandbox(cache_dir=tmp_path)
    assert isinstance(sandbox, Sandbox)
    assert (sandbox.name, sandbox.isolates) == ("process", False)


def test_this_python_serves_what_it_has_installed(tmp_path: Path) -> None:
    runtime = ProcessSandbox(cache_dir=tmp_path).prepare(("packaging", "pytest>=7"))
    assert runtime.python == sys.executable
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_an_environment_is_built_once_and_works(
    tmp_path: Path, pip: PipOptions, monkeypatch: pytest.MonkeyPatch, uv: bool
) -> None:
    if not uv:
        monkeypatch.setattr(environments, "_uv", lambda: None)
    said: list[str] = []
    first = ProcessSandbox(cache_dir=tmp_path / "c", pip=pip, progress=lambda _, message: said.append(message))
    runtime = first.prepare(("madeup>=1",))
    assert said == ["installing madeup>=1"]
    job = Job(("python", "-c", "import madeup; print(madeup.version)"), {}, runtime, limits=LIMITS)
    assert first.run(job).stdout == "1.5\n"
    assert runtime.id != first.prepare(()).id

    again = ProcessSandbox(cache_dir=tmp_path / "c", pip=pip, progress=lambda _, message: said.append(message))
    assert again.prepare(("MadeUp >= 1",)) == runtime
    assert len(said) == 1


def test_another_interpreter_is_used_as_it_is(tmp_path: Path, pip: PipOptions) -> None:
    other = ProcessSandbox(cache_dir=tmp_path / "other", pip=pip).prepare(("madeup",)).python
    interpreters = (tmp_path / "no-such-python", Path(other))
    sandbox = ProcessSandbox(cache_dir=tmp_path / "c", interpreters=interpreters, pip=PipOptions())
    assert sandbox.prepare(("madeup==1.5",)).python == other
    assert not (tmp_path / "c").exists()


def test_a_failed_build_names_the_requirement_and_leaves_nothing(tmp_path: Path, pip: PipOptions) -> None:
    sandbox = ProcessSandbox(cache_dir=tmp_path / "c", pip=pip)
    with pytest.raises(SandboxError, match="could not install madeup==9") as caught:
        sandbox.prepare(("madeup==9", "packaging"))
    assert caught.value.hint is not None and "wheel" in caught.value.hint
    assert [path.suffix for path in (tmp_path / "c").iterdir()] == [".lock"]


def test_a_source_package_is_not_built(tmp_path: Path) -> None:
    """Its setup.py would be run on this machine."""
    import tarfile

    project = tmp_path / "evil-1.0"
    project.mkdir()
    touched = tmp_path / "touched"
    (project / "setup.py").write_text(
        f"open({str(touched)!r}, 'w')\nfrom setuptools import setup; setup(name='evil', version='1.0')"
    )
    (project / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (tmp_path / "w").mkdir()
    with tarfile.open(tmp_path / "w" / "evil-1.0.tar.gz", "w:gz") as archive:
        archive.add(project, "evil-1.0")
    sandbox = ProcessSandbox(
        cache_dir=tmp_path / "c", pip=PipOptions({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "w")})
    )
    with pytest.raises(SandboxError, match="could not install evil"):
        sandbox.prepare(("evil",))
    assert not touched.exists()


def test_a_malformed_requirement_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a requirement"):
        ProcessSandbox(cache_dir=tmp_path).prepare(("--index-url=http://x",))


def test_an_interrupted_build_is_built_anew(tmp_path: Path, pip: PipOptions) -> None:
    sandbox = ProcessSandbox(cache_dir=tmp_path / "c", pip=pip)
    python = Path(sandbox.prepare(("madeup",)).python)
    (python.parents[1] / ".complete").unlink()
    (python.parents[1] / "lib").rename(python.parents[1] / "gone")
    fresh = ProcessSandbox(cache_dir=tmp_path / "c", pip=pip)
    assert fresh.run(Job(("python", "-c", "import madeup"), {}, fresh.prepare(("madeup",)), limits=LIMITS)).ok


def test_builds_at_the_same_time_wait_for_each_other(tmp_path: Path, pip: PipOptions) -> None:
    said: list[str] = []
    found: list[str] = []

    def build() -> None:
        sandbox = ProcessSandbox(cache_dir=tmp_path / "c", pip=pip, progress=lambda _, message: said.append(message))
        found.append(sandbox.prepare(("madeup",)).id)

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and len(set(found)) == 1
    assert said.count("installing madeup") == 1


def test_killing_the_host_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL cannot be handled, so the inner side has to notice."""
    marker = f"{time.time_ns()}"
    host = tmp_path / "host.py"
    host.write_text(
        textwrap.dedent(f"""
        import tempfile
        from pathlib import Path
        from mlops_bot.sandbox.process import ProcessSandbox
        from mlops_bot.types import Job
        tempfile.tempdir = {str(tmp_path)!r}
        sandbox = ProcessSandbox(cache_dir=Path({str(tmp_path)!r}))
        program = b"import time; open('started', 'w'); time.sleep(300)"
        sandbox.run(Job(("python", "p.py", "{marker}"), {{"p.py": program}}, sandbox.prepare(())))
        """)
    )
    source = str(Path(environments.__file__).parents[2])
    with subprocess.Popen([sys.executable, str(host)], env={**os.environ, "PYTHONPATH": source}) as process:
        _until(lambda: list(tmp_path.glob("mlops-bot-run-*/job/started")))
        process.send_signal(signal.SIGKILL)
    _until(lambda: not [p for p in psutil.process_iter(["cmdline"]) if marker in (p.info["cmdline"] or ())])
    _until(lambda: not list(tmp_path.glob("mlops-bot-run-*")))


def _until(true: object) -> None:
    assert callable(true)
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_removing_a_working_copy_changes_nothing_around_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    tmp_path.chmod(0o1777)
    copy = tmp_path / "copy"
    (copy / "locked" / "deep").mkdir(parents=True)
    (copy / "link").symlink_to(outside)
    (copy / "locked").chmod(0)
    remove_tree(copy)
    assert not copy.exists()
    remove_tree(copy)  # removed already, as when the inner side was first
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_isolation_is_told(tmp_path: Path) -> None:
    sandbox = ProcessSandbox(cache_dir=tmp_path)
    assert sandbox.network == ("none" if sandbox.place["network"] == "none" else "open")
    words = "no network" if sandbox.network == "none" else "the network is open"
    assert words in sandbox.prepare(()).description
