"""The words of the GitHub side: frozen dataclasses between event, selection, delivery and texts, and the Forge.

    event name + payload -> Trigger | Closed | Ignored    event.py
    Trigger + Config     -> the commands of a label       labels.py
    PullRequest          -> Selection                     select.py
    Checklist, Outcome   -> comment, PR body, summary     render/
    Forge                <- client.py; what delivery.py needs of GitHub

Pure: the standard library, `types` and `report` only. Every text that came from GitHub, a program or a model is
untrusted here; `render/` escapes it, nobody before that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mlops_bot.report import Change
from mlops_bot.types import Citation, Command, Json

# --- what arrived ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actor:
    """Who commented or set the label, as the payload names them. What they may do is asked of the API."""

    login: str
    type: str  # "User", "Bot", "Organization", "Mannequin": as GitHub says
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One command of a comment or a label: either `command`, or `problem` with what to write instead."""

    text: str  # as written after `/mlops`, one line, bounded
    line: int  # 1-based line of the comment; 0 for a label
    command: Command | None = None
    problem: str | None = None  # why it is none, in one sentence
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event that asks for something. Made by `event.read`; nothing in it is permission to do it."""

    repository: str  # "owner/name" of the pull request's base
    number: int  # of the pull request
    kind: Literal["comment", "label"]
    event: str  # "issue_comment", "pull_request", "pull_request_target"
    action: str  # "created", "labeled"
    actor: Actor
    requests: tuple[Request, ...]  # of a label: empty until `labels.resolve` has seen the configuration
    comment_id: int | None = None
    comment_url: str | None = None
    label: str | None = None
    created_at: str | None = None  # of the comment, as GitHub writes times
    head_sha: str | None = None  # pinned where the payload has it (labels); a comment's is asked of the API at once
    default_branch: str | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A pull request that was closed or merged: its follow-up pull requests are retargeted or closed."""

    repository: str
    number: int
    merged: bool
    base_ref: str
    head_ref: str
    head_sha: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is none of ours; `reason` is for the log, nobody is told."""

    reason: str


# --- the pull request --------------------------------------------------------------------------------------

FileStatus = Literal["added", "modified", "removed", "renamed", "copied", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a pull request, as `GET /pulls/N/files` lists it, with mode and size of the head's tree."""

    path: str
    status: FileStatus
    previous_path: str | None = None
    mode: str | None = None  # git's: "100644", "100755", "120000" (link), "160000" (submodule); None: not known
    size: int | None = None  # bytes at the head; None: not known
    sha: str | None = None  # of the blob at the head
    patch: str | None = None  # None for binary and very large files
    additions: int = 0
    deletions: int = 0


@dataclass(frozen=True, slots=True)
class PullRequest:
    number: int
    title: str
    state: Literal["open", "closed"]
    merged: bool
    draft: bool
    author: str
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository: str | None  # "owner/name"; None where the fork is gone
    base_repository: str
    files: tuple[ChangedFile, ...] = ()
    url: str = ""
    head_pushed_at: str | None = None  # when something was last pushed to the head's repository

    @property
    def is_fork(self) -> bool:
        """A head repository that is gone counts as a fork: it is none of the base's."""
        return self.head_repository is None or self.head_repository.lower() != self.base_repository.lower()


# --- .github/mlops-bot.yml ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """One entry of `files`: which files train, and how they are run. None: what the configuration says in general."""

    pattern: str  # glob over paths of the repository, "/" separated; "**" is any number of folders
    run: str | None = None  # "python train.py --epochs 1"; {path}, {name} stand for the file
    data: str | None = None  # folder or file of the repository
    timeout: float | None = None  # seconds
    memory_mb: int | None = None


Unverified = Literal["comment", "draft", "refuse"]
Forks = Literal["refuse", "allow"]


@dataclass(frozen=True, slots=True)
class Config:
    """All of `.github/mlops-bot.yml`, of the default branch only. None: the environment or the default decides."""

    files: tuple[TrainingFiles, ...] = ()  # empty: detected among the pull request's changed files
    exclude: tuple[str, ...] = ()  # globs that are never training files
    engine: str | None = None
    model: str | None = None
    endpoint: str | None = None  # address of an OpenAI-compatible or TGI server; keys are secrets, never here
    temperature: float = 0.0
    samples: int = 1
    repair: int = 1
    max_cost: float | None = None  # US dollars, for one command
    price: tuple[float, float] | None = None  # US dollars per million input and output tokens
    style: Literal["doc-prompt", "zero-shot"] = "doc-prompt"
    data: str | None = None  # folder or file of the repository that training files read
    unverified: Unverified = "comment"
    forks: Forks = "refuse"
    labels: Mapping[str, str | None] = field(default_factory=dict)  # "my label" -> "add mlflow"; None: not that one
    sandbox: Literal["docker", "process"] = "docker"
    timeout: float = 300.0  # seconds of one run
    memory_mb: int = 8192
    full: bool = False  # no smoke limits, no stand-in data
    max_files: int = 10  # training files of one command


# --- progress ----------------------------------------------------------------------------------------------

StepName = Literal["files", "docs", "candidates", "verification", "delivery"]
STEPS: tuple[StepName, ...] = ("files", "docs", "candidates", "verification", "delivery")
StepState = Literal["pending", "running", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Step:
    name: StepName
    state: StepState = "pending"
    detail: str = ""  # one line: "train.py, eval/train.py"
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Checklist:
    """What the sticky comment shows of one command, while it runs and at its end (`outcome` set)."""

    number: int  # of the pull request
    command: Command
    actor: str
    head_sha: str
    steps: tuple[Step, ...] = tuple(Step(name) for name in STEPS)
    elapsed: float = 0.0  # seconds
    cost: float | None = None  # US dollars so far; None: nothing that has a price was called
    tokens: int = 0
    run_url: str | None = None  # the workflow run
    outcome: Outcome | None = None


# --- how it ends -------------------------------------------------------------------------------------------

Status = Literal["verified", "unverified", "failed", "nothing", "error"]
STATUSES: tuple[Status, ...] = ("verified", "unverified", "failed", "nothing", "error")


@dataclass(frozen=True, slots=True)
class FileResult:
    """One training file's end. `report` is its document of schemas/report.schema.json: attempts, evidence, baseline."""

    path: str
    # refused, skipped: by select.py; a person named the one, the other was only looked at
    status: Literal["verified", "failed", "unverified", "nothing", "refused", "skipped", "error"]
    reason: str | None = None
    hint: str | None = None
    changes: tuple[Change, ...] = ()  # of the chosen candidate, or of the best attempt where none is verified
    report: Mapping[str, Json] = field(default_factory=dict)
    runtime: str | None = None  # "image mlops-bot-sandbox:1f3a (python 3.11, 42 packages)"
    digest: str | None = None  # of the sandbox image, where there is one
    versions: Mapping[str, str] = field(default_factory=dict)  # of what matters: python, torch, mlflow ...
    reproduce: str | None = None  # the command line that does the same locally
    docs: tuple[Citation, ...] = ()  # the documentation that was in the model's prompt


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one command.

    verified: at least one file is, and a pull request holds it (files that are not are named in it).
    unverified: nothing could be judged. failed: no attempt passed. nothing: nothing to change, or nothing selected.
    error: infrastructure, permissions, or a request that cannot be done; `reason` and `hint` say which.
    """

    status: Status
    command: Command
    files: tuple[FileResult, ...] = ()
    pull_number: int | None = None  # the follow-up pull request
    pull_url: str | None = None
    branch: str | None = None
    reason: str | None = None
    hint: str | None = None
    seconds: float = 0.0
    engine: str | None = None
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    draft: bool = False  # the follow-up pull request holds something unverified


@dataclass(frozen=True, slots=True)
class Record:
    """What a sticky comment remembers of its command, in a hidden marker (marker.py). Trusted only in a comment whose
    author is the bot itself."""

    number: int
    key: str  # names.key: which command
    words: str  # the command as it can be parsed again: "add mlflow src/train.py"
    status: Status | Literal["running"]
    actor: str
    head_sha: str
    branch: str | None = None
    pull_number: int | None = None
    commit: str | None = None  # what the bot last put on the branch: anything else there is a person's
    attempt: int = 1  # `retry` beside a person's commits starts the next branch
    source: str = ""  # what asked for it: "comment:123", "label:456"; a delivery that arrives twice is seen by it


# --- what delivery needs of GitHub -------------------------------------------------------------------------

Permission = Literal["admin", "maintain", "write", "triage", "read", "none"]
Reaction = Literal["eyes", "rocket", "confused", "+1", "-1", "laugh", "heart", "hooray"]


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    author: str
    author_type: str
    body: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    name: str
    sha: str
    tree: str = ""
    parents: tuple[str, ...] = ()
    committer: str | None = None  # login, or e-mail where GitHub knows no login
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pull:
    """A follow-up pull request, as far as delivery looks at it."""

    number: int
    url: str
    state: Literal["open", "closed"]
    merged: bool
    base_ref: str
    head_ref: str
    head_sha: str
    title: str
    body: str
    author: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: a file, a link, a submodule."""

    path: str
    mode: str
    sha: str
    size: int | None = None  # bytes, of files


@dataclass(frozen=True, slots=True)
class Tree:
    """All files of a commit, by path. `whole`: False where GitHub cut the list (over 100,000 entries)."""

    entries: Mapping[str, Entry]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a commit: new content, mode kept."""

    path: str
    content: bytes
    mode: str = "100644"


class Forge(Protocol):
    """One repository on GitHub. Methods raise GitHubError after the retries that are safe, GitHubRefusedError for a no;
    None is "there is none". Implemented by forge.py, on client.py."""

    repository: str

    def at(self, repository: str) -> Forge:
        """Another repository, with the same token."""
        ...

    def login(self) -> str:
        """Who the token is: the author of the bot's own comments, such as "github-actions[bot]"."""
        ...

    # reading
    def permission(self, login: str) -> Permission: ...
    def pull_request(self, number: int) -> PullRequest:
        """Without its files."""
        ...

    def files(self, number: int) -> Sequence[ChangedFile]:
        """What the pull request changes, without mode and size."""
        ...

    def tree(self, sha: str) -> Tree: ...
    def blob(self, sha: str) -> bytes: ...
    def content(self, path: str, ref: str) -> bytes | None: ...

    # telling
    def react(self, trigger: Trigger, content: Reaction) -> None: ...
    def comments(self, number: int) -> Sequence[Comment]: ...
    def comment(self, number: int, body: str) -> Comment: ...
    def edit_comment(self, comment_id: int, body: str) -> None: ...
    def delete_comment(self, comment_id: int) -> None: ...
    def remove_label(self, number: int, label: str) -> None: ...
    def check_run(
        self, sha: str, *, name: str, status: str, conclusion: str | None, title: str, summary: str
    ) -> None: ...

    # delivering
    def branch(self, name: str) -> Branch | None: ...
    def branches(self, prefix: str) -> Sequence[str]: ...
    def new_tree(self, parent: str, files: Sequence[NewFile]) -> str:
        """The tree of `parent` with these files; its SHA."""
        ...

    def new_commit(self, parent: str, tree: str, message: str) -> str:
        """One commit on top of `parent`; its SHA. No ref is moved."""
        ...

    def set_branch(self, name: str, sha: str, *, expected: str | None) -> bool:
        """Creates (`expected` None) or moves a branch that still is at `expected`; False where it is not."""
        ...

    def delete_branch(self, name: str, *, expected: str) -> bool:
        """False where the branch is not at `expected`."""
        ...

    def pulls(self, *, head: str, state: Literal["open", "closed", "all"] = "all") -> Sequence[Pull]: ...
    def open_pull(self, *, title: str, body: str, head: str, base: str, draft: bool = False) -> Pull: ...
    def update_pull(
        self, number: int, *, title: str | None = None, body: str | None = None, base: str | None = None,
        state: Literal["open", "closed"] | None = None,
    ) -> Pull: ...  # fmt: skip
