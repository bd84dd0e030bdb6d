"""The static stage: what the candidate's text alone proves wrong. What text cannot decide is left to the run."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from mlops_bot import notebook
from mlops_bot.types import Candidate, Failed, SourceFacts, SourceFile, Task
from mlops_bot.verify import code as reading
from mlops_bot.verify import leaving, lost, policy, used
from mlops_bot.verify.api import Api, calls
from mlops_bot.verify.code import Code, dotted

_TRACKING = "experiment-tracking"


def check(
    original: SourceFile,
    candidate_text: str,
    *,
    task: Task,
    facts: SourceFacts,
    api: Api | None,
    others: Sequence[str] = (),
    require_component: bool = True,
) -> Failed | None:
    """Judge one changed file against its original.

    `others`: texts of the candidate's further changed files, where the component may be called just as well.
    """
    try:
        after = reading.parse(candidate_text)
        compile(candidate_text, original.path, "exec", dont_inherit=True)
    except SyntaxError as problem:
        row = (problem.text or "").rstrip()
        return Failed(
            "static", f"{original.path} does not compile: {problem.msg}, line {problem.lineno}", detail=row[:400]
        )
    except (ValueError, RecursionError, MemoryError) as problem:
        return Failed("static", f"{original.path} does not compile: {problem}")
    if notebook.is_notebook(original.path) and notebook.markers(candidate_text) != notebook.markers(original.text):
        return Failed("static", f"{original.path}: {notebook.MARKERS_CHANGED}")
    before = reading.parse(original.text)
    read = policy.reading(task.functionality)
    kept = before
    if task.source_component is not None:
        kept = leaving.without(before, task.source_component)
        if task.component.keeps_code:  # its calls are there already, and change with what they handle
            kept = leaving.without(kept, task.component)
    reason = used.elided(before, after) or read(kept, after, _hyperparameters(before, facts))
    if reason is None and task.source_component is not None and not task.source_component.keeps_code:
        reason = leaving.left(after, task.source_component)
    if reason is None:
        reason = used.swallowed(before, after)
    if reason is None and require_component and not _called_elsewhere(before, task):
        parsed = [after, *(code for code in map(_quietly, others) if code)]
        reason = used.called(parsed, task.component)
    if reason is None and api is not None:
        roots = sorted({module.partition(".")[0] for module in (*task.component.api_modules, *task.component.imports)})
        reason = api.check_calls(calls(after, roots))
    if reason is None and task.functionality == _TRACKING and task.source_component is None:
        reason = used.constant_metrics(before, after, task.component)
    return Failed("static", f"{original.path}: {reason}") if reason else None


def check_candidate(
    candidate: Candidate, *, task: Task, facts: Mapping[str, SourceFacts], api: Api | None
) -> Failed | None:
    """Judge all files of a candidate. Files that are not Python are not read; new files only have to compile."""
    originals = {file.path: file for file in task.files}
    python = {path: text for path, text in candidate.files.items() if _is_python(path)}
    if not python:
        return Failed("static", f"no Python file was changed, so {task.component.title} is not used")
    for path, text in python.items():
        original = originals.get(path, SourceFile(path, ""))
        known = facts.get(path) or facts[task.script.path]
        rest = [other for key, other in python.items() if key != path]
        rest += [file.text for file in task.files if file.path not in candidate.files and _is_python(file.path)]
        failed = check(original, text, task=task, facts=known, api=api, others=rest, require_component=True)
        if failed:
            return failed
    return None


def _called_elsewhere(original: Code, task: Task) -> bool:
    """Whether a file that is to be moved only defines what something else calls; what that does is seen in the run."""
    if task.source_component is None:
        return False
    places = [item for item, _, _ in used.component_calls(original, task.source_component)]
    return bool(places) and all(item and item.dead is None and item.scope not in original.live for item in places)


def _is_python(path: str) -> bool:
    return path.endswith(".py") or notebook.is_notebook(path)


def _quietly(text: str) -> Code | None:
    try:
        return reading.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _hyperparameters(code: Code, facts: SourceFacts) -> frozenset[str]:
    """Names whose overriding would change the training: known ones, command line options, what loops count to."""
    names = {entry.name.rpartition(".")[2].lstrip("-").replace("-", "_") for entry in facts.hyperparameters}
    names |= {lost.destination(flags, keywords) for flags, keywords, _ in lost.cli_arguments(code)}
    for item in code.items:
        if item.kind == "for":
            names |= {
                name.rpartition(".")[2]
                for node in ast.walk(item.parts[1])
                if isinstance(node, (ast.Name, ast.Attribute)) and (name := dotted(node))
            }
    return frozenset(names - {"range", "enumerate", "tqdm", "zip", "len"})
