"""Why a run did not end well, in one sentence that a person can act on. Pure."""

from __future__ import annotations

import re

from mlops_bot.types import Limits, Observation

_ERROR_LINE = re.compile(
    r"^(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|NotFound)\w*)(?:: (?P<message>.*))?$"
)
_TAIL = 4000


def tail(observation: Observation) -> str:
    """The last lines of what the program wrote to stderr (to stdout where stderr is empty), bounded."""
    text = observation.stderr.strip() or observation.stdout.strip()
    return text[-_TAIL:]


def why_candidate_failed(adapted: Observation) -> str:
    """The reason of a failed `run` stage: the original ran, so this is the candidate's fault."""
    if adapted.ended == "timeout":
        return f"the adapted program was stopped after {adapted.seconds:.0f} s; the original finished"
    if adapted.ended != "exited":
        return f"the adapted program was stopped: {_STOPPED[adapted.ended]}; the original finished"
    error = last_error(adapted)
    if error is not None:
        return f"the adapted program ended with {error}"
    return f"the adapted program ended with exit code {adapted.exit_code}; the original with 0"


def why_baseline_failed(baseline: Observation, limits: Limits) -> str:
    """Why nothing can be judged, and what to pass so that it can."""
    missing = [note for note in baseline.trace.get("notes", []) if note.get("kind") == "unavailable"]
    if baseline.ended == "timeout":
        return (
            f"the original did not finish within {limits.seconds:.0f} s; pass a shorter way to start it "
            '(--run "python train.py --epochs 1") or more time (--timeout)'
        )
    if baseline.ended != "exited":
        return f"the original was stopped: {_STOPPED[baseline.ended]}"
    error = last_error(baseline) or f"exit code {baseline.exit_code}"
    if missing:
        needs = "; ".join(_note(note) for note in missing[:3])
        return f"the original does not run here ({error.partition(':')[0]}): it needs {needs}"
    return f"the original does not run here: it ended with {error}; {_advice(baseline, error)}"


def last_error(observation: Observation) -> str | None:
    """ "ValueError: bad shape (main.py, line 12)", from the traceback that ended the program."""
    lines = observation.stderr.splitlines()
    for number in range(len(lines) - 1, -1, -1):
        match = _ERROR_LINE.match(lines[number].strip())
        if match and any(line.startswith("Traceback") for line in lines[:number]):
            place = _own_frame(lines[:number])
            message = (match["message"] or "").strip()
            return f"{match['type']}{': ' + message[:300] if message else ''}{place}"
    usage = [line for line in lines if ": error: " in line]
    return usage[-1].strip()[:300] if usage else None


def counts_on_epochs(adapted: Observation) -> bool:
    """Whether a failure may come of epochs that the smoke run left out: `history["loss"][2]` after two of three."""
    return (last_error(adapted) or "").partition(":")[0] in ("IndexError", "KeyError")


def _own_frame(lines: list[str]) -> str:
    """The innermost frame of the project's own files, as " (train.py, line 12)"."""
    for line in reversed(lines):
        match = re.match(r'\s*File "(?:.*/)?project/(?P<file>[^"]+)", line (?P<line>\d+)', line)
        if match:
            return f" ({match['file']}, line {match['line']})"
    return ""


def _advice(baseline: Observation, error: str) -> str:
    if "InvalidGitRepositoryError" in error or "NoSuchPathError" in error:
        return (
            "the project's root is the repository in a run: start it from there as you do, "
            '--run "python folder/script.py"; a folder of another machine is not here'
        )
    if "error: " in error and baseline.exit_code == 2:
        return 'pass the arguments it needs with --run "python train.py ARGUMENTS"'
    if error.startswith("ModuleNotFoundError"):
        return "add the missing package to the project's requirements file"
    if error.startswith(("FileNotFoundError", "NotADirectoryError", "IsADirectoryError")):
        return "pass the data it reads with --data DIR"
    return 'if it needs data pass --data DIR, if it needs arguments pass --run "python train.py ARGUMENTS"'


def _note(note: dict[str, str]) -> str:
    return f"{note.get('what', 'something')} ({note['detail']})" if note.get("detail") else str(note.get("what"))


_STOPPED = {
    "timeout": "it ran out of time",
    "memory": "it used more memory than allowed",
    "disk": "it wrote more to disk than allowed",
    "output": "it printed more than allowed",
}
