"""The words of the house as types: dataclasses that flow through the pipeline, and its Protocols.

Only the standard library is imported here, and nothing of mlops_bot: every other module may import this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Functionality = Literal[
    "experiment-tracking",
    "model-registration",
    "hyperparameter-optimization",
    "model-optimization",
    "version-control",
]
FUNCTIONALITIES: tuple[Functionality, ...] = (
    "experiment-tracking",
    "model-registration",
    "hyperparameter-optimization",
    "model-optimization",
    "version-control",
)
Framework = Literal["pytorch", "lightning", "keras", "sklearn", "other"]
FRAMEWORKS: tuple[Framework, ...] = ("pytorch", "lightning", "keras", "sklearn", "other")
Json = Any  # data that came from, or goes to, a JSON document

# --- what is asked -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asked for: the same grammar on the command line, in a comment and behind a label."""

    verb: Literal["add", "translate", "help", "status", "retry"]
    target: str | None = None  # a component's canonical name
    source: str | None = None  # translate: the component to move away from
    paths: tuple[str, ...] = ()
    functionality: Functionality | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A library that provides a functionality; read from one folder of `components/`."""

    name: str  # canonical: "mlflow"
    title: str  # as people write it: "MLflow"
    aliases: tuple[str, ...]
    functionalities: tuple[Functionality, ...]
    frameworks: Mapping[Framework, tuple[Literal["recipe", "llm"], ...]]  # which engines can serve a framework
    imports: tuple[str, ...]  # modules that mean "this component is used": ("mlflow",), ("torch.nn.utils.prune",)
    requirement: str  # PEP 508: "mlflow>=3.4,<4"
    docs_sources: Mapping[str, Json]  # name -> address, or a mapping (docs/add-a-component.md)
    environment: Mapping[str, str]  # offline environment variables of a verification run
    store: tuple[str, ...]  # globs of what the component itself writes into the working directory
    api_modules: tuple[str, ...]  # modules whose public signatures the static stage checks calls against
    guide: str  # the manual DocPrompt of the first functionality
    folder: Path
    has_recipe: bool
    guides: Mapping[Functionality, str] = field(default_factory=dict)  # those of further functionalities
    keeps_code: bool = False  # code stays in it, whatever its data moves to: Git
    also_required: tuple[str, ...] = ()  # what the component needs and does not bring: ("torchao>=0.13",)
    commands: tuple[str, ...] = ()  # its programs, which may be started in the place of its functions: ("dvc",)
    metric_calls: tuple[str, ...] = ("log_metric", "log_metrics")  # functions and methods that record metrics

    @property
    def requirements(self) -> tuple[str, ...]:
        """Everything that is added to a project, the component first."""
        return (self.requirement, *self.also_required)

    @property
    def docs_pages(self) -> dict[str, str]:
        """The addresses of its documentation, by name: of sites, whatever options they have."""
        found = {name: one if isinstance(one, str) else one.get("site") for name, one in self.docs_sources.items()}
        return {name: address for name, address in found.items() if address}

    def provides(self, qualified: str) -> bool:
        """Whether a qualified name is the component's own: one of its modules, or something in one."""
        return any(qualified == module or qualified.startswith(f"{module}.") for module in self.imports)

    def guide_for(self, functionality: Functionality) -> str:
        """The manual DocPrompt of one functionality."""
        return self.guides.get(functionality, self.guide)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One text file of the project. `path` is POSIX, relative to the project's root. `text` keeps its newlines."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Task:
    """One functionality, one component, one training script (with the files that may change for it)."""

    kind: Literal["inlining", "translation"]
    functionality: Functionality
    component: Component
    files: tuple[SourceFile, ...]  # files[0] is the training script
    source_component: Component | None = None

    @property
    def script(self) -> SourceFile:
        return self.files[0]


# --- what is known about it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DocChunk:
    """A passage of a component's documentation, as it is cited: `version` is the release that it documents."""

    component: str
    version: str
    title: str
    url: str
    text: str
    path: str = ""  # the page's path in its source, or "docstring:" and a qualified name
    names: tuple[str, ...] = ()  # qualified names that it documents, the public one first


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that was in a prompt, as reports name it."""

    component: str
    version: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    name: str
    value: str | None  # source text of the default, if there is one
    origin: Literal["argparse", "constant", "argument"]
    line: int  # 1-based


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that the program shows or logs: `expression` as written, `label` as the program words it."""

    label: str
    expression: str
    line: int
    scope: Literal["batch", "epoch", "after", "unknown"]
    function: str | None = None  # enclosing function's qualified name


@dataclass(frozen=True, slots=True)
class Loop:
    kind: Literal["epoch", "batch"]
    line: int
    end_line: int
    variable: str | None  # the loop counter, where it is a plain name
    function: str | None  # enclosing function's qualified name; None at module level


@dataclass(frozen=True, slots=True)
class Definition:
    """A named thing of the source: a model, an optimizer, a function. `kind` is its qualified class or callee."""

    name: str
    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class EntryPoint:
    kind: Literal["main-guard", "top-level", "none"]
    function: str | None  # what the guard calls, when it is a single call of a local function
    line: int | None
    spawns: bool = False  # starts worker processes (mp.spawn, torchrun) that train


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What `source.analyse` could tell about one file. Whatever it is unsure of is in `unsure`, in words."""

    path: str
    is_training: bool | None  # None: unsure
    framework: Framework | None
    reasons: tuple[str, ...]  # why training / why this framework, each with a line number
    imports: Mapping[str, str]  # local name -> qualified name
    third_party: tuple[str, ...]  # top-level modules that are neither standard library nor the project's own
    entry_point: EntryPoint
    models: tuple[Definition, ...] = ()
    optimizers: tuple[Definition, ...] = ()
    loops: tuple[Loop, ...] = ()
    epochs: str | None = None  # source text of the number of epochs
    metrics: tuple[Metric, ...] = ()
    hyperparameters: tuple[Hyperparameter, ...] = ()
    calls: tuple[Definition, ...] = ()  # every call whose callee resolves: name=as written, kind=qualified
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What an engine gets to know besides the task."""

    facts: Mapping[str, SourceFacts]  # by path
    style: Literal["zero-shot", "doc-prompt"] = "doc-prompt"
    docs: tuple[DocChunk, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)  # component -> the release that the project pins


# --- what is proposed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """One answer of one engine. Exactly one of `text`, `files`, `declined` is set."""

    engine: str
    model: str | None = None
    text: str | None = None  # a completion, still to be parsed
    files: Mapping[str, str] | None = None  # path -> full new text (recipe)
    declined: str | None = None  # "not applicable because ..."
    temperature: float | None = None
    sample: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None  # US dollars; None where no price is known
    finish_reason: str | None = None  # "stop" | "length" | ...
    seconds: float = 0.0
    docs: tuple[Citation, ...] = ()  # the documentation that was in its prompt
    notes: tuple[str, ...] = ()  # what a recipe says of its change: decisions, and what has no counterpart
    revision: str | None = None  # of the model, as the server names it: "gpt-4.1-2025-04-14", a commit


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a repair round tells the engine: the files it proposed and why they failed."""

    text: str  # the previous completion
    failed: Failed


@dataclass(frozen=True, slots=True)
class Candidate:
    """The task's files as they would be: path -> full new text. Unchanged files are left out."""

    files: Mapping[str, str]


# --- how it is run -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    seconds: float = 300.0
    memory_mb: int = 8192
    cpus: float = 2.0
    processes: int = 256
    disk_mb: int = 2048  # all files of the working copy together
    output_kb: int = 4096  # stdout and stderr together


@dataclass(frozen=True, slots=True)
class Runtime:
    """Something that can run Python with a set of requirements: a sandbox image, or an environment on this machine.

    `id` changes whenever what is installed changes, so it belongs in every cache key.
    """

    id: str
    description: str  # "image mlops-bot-sandbox:1f3a (python 3.11, 42 packages)"
    python: str  # how to call Python in there


@dataclass(frozen=True, slots=True)
class Job:
    """One program run. Files are copied in; nothing of this machine is visible but the runtime."""

    argv: tuple[str, ...]  # argv[0] "python" means the runtime's interpreter
    files: Mapping[str, bytes]  # POSIX path relative to the job's root -> content
    runtime: Runtime
    workdir: str = "."  # where argv starts, relative to the job's root
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    keep_mb: int = 512  # new and changed files brought back, at most
    imports: tuple[str, ...] = ()  # packages that it will import, though the beginning of its text does not say so


Ended = Literal["exited", "timeout", "memory", "disk", "output"]


@dataclass(frozen=True, slots=True)
class RunResult:
    exit_code: int | None  # None where the program was stopped
    stdout: str
    stderr: str
    seconds: float
    ended: Ended
    files: Mapping[str, bytes]  # new or changed files, by path relative to the job's root
    dropped: tuple[str, ...] = ()  # files too large to bring back

    @property
    def ok(self) -> bool:
        return self.ended == "exited" and self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a program wrote."""

    sha256: str
    size: int
    text: str | None = None  # content of small UTF-8 text files


@dataclass(frozen=True, slots=True)
class Observation:
    """What one run of a program showed, small enough to cache as JSON."""

    exit_code: int | None
    ended: Ended
    stdout: str
    stderr: str
    seconds: float
    trace: Mapping[str, Json]  # what the smoke hooks noted (sandbox/smoke/README.md)
    outputs: Mapping[str, Output]  # by path relative to the project's root

    @property
    def ok(self) -> bool:
        return self.ended == "exited" and self.exit_code == 0


# --- how it ends -------------------------------------------------------------------------------------------

Stage = Literal["parse", "static", "run", "effect", "preserved"]
STAGES: tuple[Stage, ...] = ("parse", "static", "run", "effect", "preserved")


@dataclass(frozen=True, slots=True)
class Passed:
    evidence: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Failed:
    stage: Stage
    reason: str  # one sentence that a person can act on
    detail: str = ""  # the lines that show it (a traceback, a diff), bounded
    evidence: Mapping[str, Json] = field(default_factory=dict)


Verdict = Passed | Failed


@dataclass(frozen=True, slots=True)
class Attempt:
    proposal: Proposal
    candidate: Candidate | None
    verdict: Verdict
    repair: int = 0  # 0: the first answer; 1..: after that many repair rounds


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The end of one task. `status`: "verified" (chosen is set), "failed" (no attempt passed),
    "unverified" (nothing could be judged, `reason` says why and what to pass)."""

    task: Task
    status: Literal["verified", "failed", "unverified"]
    attempts: tuple[Attempt, ...] = ()
    chosen: Attempt | None = None
    reason: str | None = None
    baseline: Observation | None = None
    engine_choice: str | None = None  # which engine was used, and why
    seconds: Mapping[str, float] = field(default_factory=dict)  # by stage
    error: Exception | None = None  # what ended it before its time: then it is "unverified", and this says whose fault


# --- recipes and checks: what a component's folder brings --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rewritten:
    text: str
    notes: tuple[str, ...] = ()  # what was done, in words, for the PR body


@dataclass(frozen=True, slots=True)
class NotApplicable:
    reason: str


class Recipe(Protocol):
    """`recipe.rewrite`: pure, deterministic, idempotent."""

    def __call__(self, text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable: ...


class Translator(Protocol):
    """`recipe.translate`, of the component that is moved to: pure, deterministic, idempotent. `source`: moved from."""

    def __call__(
        self, text: str, facts: SourceFacts, functionality: Functionality, *, source: Component
    ) -> Rewritten | NotApplicable: ...


class Unfinished(str):
    """A check's reason that may be the short run's doing: with more of its epochs the program might have the effect."""

    __slots__ = ()


class Check(Protocol):
    """`check.check`: pure; evidence (from collect.py) and both runs -> None when the effect is proven, or why not."""

    def __call__(
        self,
        evidence: Mapping[str, Json],
        *,
        functionality: Functionality,
        facts: SourceFacts,
        baseline: Observation,
        adapted: Observation,
    ) -> str | None: ...


class TranslationCheck(Protocol):
    """`check.check_translation`: like a check, with what the original put into the source component's store."""

    def __call__(
        self,
        evidence: Mapping[str, Json],
        *,
        source: Mapping[str, Json],
        functionality: Functionality,
        facts: SourceFacts,
        baseline: Observation,
        adapted: Observation,
    ) -> str | None: ...


class Twice(Protocol):
    """`check.twice`, optional: why the program has to run a second time, where the first one left its files; or None.

    The second run's evidence is then in `evidence["again"]`: what collect.py wrote, or {"failed": reason}.
    """

    def __call__(
        self,
        evidence: Mapping[str, Json],
        *,
        functionality: Functionality,
        adapted: Observation,
        files: Mapping[str, str],  # the candidate's
    ) -> str | None: ...


# --- Protocols of the adapters -----------------------------------------------------------------------------


@runtime_checkable
class Engine(Protocol):
    name: str
    model: str | None
    trusted: bool  # its proposals are ours (recipe, scripted), not a model's: may run in the process sandbox

    def propose(
        self, task: Task, context: Context, *, n: int, temperature: float, feedback: Feedback | None = None
    ) -> Sequence[Proposal]: ...


@runtime_checkable
class DocStore(Protocol):
    """Documentation that can be searched. A store that does not answer raises DocsError; a component that it does not
    have gives nothing."""

    def versions(self, component: str) -> Sequence[str]:
        """The releases of a component that are indexed, newest first."""
        ...

    def search(self, query: str, *, component: str, version: str | None, limit: int) -> Sequence[DocChunk]:
        """The best passages, best first, of the nearest release to `version` (None: the newest)."""
        ...


@runtime_checkable
class Sandbox(Protocol):
    """Runs programs. A program that fails is a RunResult; SandboxError is only for the sandbox's own failures."""

    name: str
    isolates: bool  # untrusted code may run in it

    def prepare(self, requirements: tuple[str, ...]) -> Runtime:
        """A runtime in which all of `requirements` (PEP 508) are installed; built once, then cached."""
        ...

    def run(self, job: Job) -> RunResult: ...


class Progress(Protocol):
    def __call__(self, stage: str, message: str) -> None: ...
