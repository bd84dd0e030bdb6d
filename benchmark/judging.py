"""One adaptation through the bot's own verifier, whoever wrote it: the benchmark has no judge of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmark.corpus import MANIFEST, Entry
from mlops_bot import project
from mlops_bot.cache import Cache
from mlops_bot.command import start_words
from mlops_bot.commands import common
from mlops_bot.project import Project
from mlops_bot.types import Candidate, Command, Limits, Progress, Sandbox, SourceFile, Verdict
from mlops_bot.verify.pipeline import Plan, Verifier

_DATA_BYTES = 20_000_000  # of files beside a program that are no Python


def judge(
    entry: Entry, *, sandbox: Sandbox, cache: Cache, limits: Limits, progress: Progress
) -> tuple[Verdict | None, str | None]:
    """The verdict on one entry, or None and why nothing can be judged (its original does not run).

    Raises UserError for a script that cannot be read, SandboxError where the sandbox fails."""
    gathered = gather(entry.original)
    script = gathered.source(entry.original.name)
    verb = "translate" if entry.source_component else "add"
    asked = Command(verb, entry.component, entry.source_component, functionality=entry.functionality)  # type: ignore[arg-type]
    task = common.make_task(asked, script)
    facts = common.facts_of(script, gathered, translated=task.kind == "translation")
    argv = start_words(entry.run) if entry.run else ("python", script.path)
    verifier = Verifier(
        task,
        facts,
        Plan(files=gathered.files, argv=argv, limits=limits),
        sandbox=sandbox,
        runtime=sandbox.prepare(common.requirements(task, facts, gathered)),
        cache=cache,
        progress=progress,
    )
    reason = verifier.why_unverifiable(verifier.baseline())
    if reason is not None:
        return None, reason
    adapted: SourceFile = project.read_script(entry.adapted, must_compile=False)
    return verifier.judge(Candidate({script.path: adapted.text})), None


def gather(original: Path) -> Project:
    """A program of a corpus and what it needs from its folder: the modules it imports, and files that are no Python.

    Its neighbours in a corpus are other programs, so its folder is not the project as it is for `mlops-bot add`."""
    folder = original.parent
    files: dict[str, bytes] = {original.name: original.read_bytes()}
    wanted = [original.name]
    while wanted:
        for name in _imported(files[wanted.pop()], folder):
            if name not in files:
                files[name] = (folder / name).read_bytes()
                wanted.append(name)
    total = 0
    for path in sorted(folder.iterdir()):
        if path.suffix != ".py" and path.is_file() and path.name != MANIFEST:
            total += path.stat().st_size
            if total <= _DATA_BYTES:
                files[path.name] = path.read_bytes()
    return Project(folder, files, (original.name,))


def _imported(content: bytes, folder: Path) -> Mapping[str, None]:
    """File names of the modules beside a program that it imports."""
    import ast

    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return {}
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules += [node.module] if node.module else [alias.name for alias in node.names]
    names = [f"{module.partition('.')[0]}.py" for module in modules]
    return {name: None for name in names if (folder / name).is_file()}
