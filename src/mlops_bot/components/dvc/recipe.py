"""Moves a program from GitPython to DVC: data goes under DVC, code stays in Git, under the same revisions. Pure.

What maps: add, commit -a, Git LFS' track, push, pull, clone, checkout, reset, is_dirty. What has no counterpart is said
in the notes, and in a comment where it was.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mlops_bot.components.dvc import helpers
from mlops_bot.rewrite.gitcalls import GitCall, GitProgram
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.spans import Spans
from mlops_bot.types import Component, Functionality, NotApplicable, Rewritten, SourceFacts
from mlops_bot.verify.versioned import kind

_ALL = frozenset({"-A", "--all", "-u", "--update"})
_CODE = (".py", ".md", ".txt", ".rst", ".toml", ".cfg", ".ini", ".yml", ".yaml", ".sh", ".ipynb", ".json")
_BRING = frozenset({"checkout", "switch", "reset", "merge", "rebase", "stash", "restore", "revert", "cherry-pick"})
_SHOWS = frozenset({"diff", "status", "show"})
_DECLINED = frozenset(
    {"rm", "mv", "remove", "move", "submodule", "lfs migrate", "lfs ls-files", "filter-branch", "unknown"}
)
_BOUND = "is bound by the program already"


class _Unsure(Exception):
    """Why the recipe does not apply."""


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """DVC is not added to programs that have no version control: where their data is from is not theirs to say."""
    return NotApplicable("DVC is added by moving from GitPython: `translate gitpython dvc`")


def translate(
    text: str, facts: SourceFacts, functionality: Functionality, *, source: Component
) -> Rewritten | NotApplicable:
    """The program with its data under DVC. See Translator in types.py."""
    if source.name != "gitpython":
        return NotApplicable(f"the recipe moves from GitPython to DVC, not from {source.title}")
    if any(name == "dvc" or name.startswith("dvc.") for name in facts.imports.values()):
        return Rewritten(text, ("DVC is there already",))
    try:
        return _Translation(text, facts).done()
    except _Unsure as reason:
        return NotApplicable(str(reason))


@dataclass
class _Translation:
    text: str
    facts: SourceFacts
    notes: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def done(self) -> Rewritten:
        program = Program(self.text)
        self.program, self.spans = program, Spans(program.text)
        self.git = GitProgram(program, self.facts.imports)
        self._refuse_other_ways()
        calls = list(self.git.calls())
        for call in calls:
            self._one(call)
        if not self.used:
            raise _Unsure("nothing in it adds, pushes, pulls or checks out data with GitPython")
        if code := self._only_code(calls):
            raise _Unsure(f"all that it puts into Git is code ({code}), and code stays there: there is no data to move")
        self._head()
        marked = "\ufeff" if self.text.startswith("\ufeff") else ""
        return Rewritten(marked + self.spans.apply(), tuple(dict.fromkeys(self.notes)))

    def _only_code(self, calls: list[GitCall]) -> str | None:
        """The files that the program adds, where it names each, each is code, and it handles no other files."""
        added = [call for call in calls if call.operation == "add"]
        others = {"lfs track", "lfs pull", "lfs fetch", "lfs checkout", "lfs push", "pull", "clone"} | _BRING
        if not added or any(call.operation in others for call in calls):
            return None
        if any(
            call.flags() & _ALL or not call.paths() or not all(map(self._surely_code, call.paths())) for call in added
        ):
            return None
        return ", ".join(dict.fromkeys(self.spans.source(path) for call in added for path in call.paths()))

    # --- one operation --------------------------------------------------------------------------------------

    def _one(self, call: GitCall) -> None:
        operation = call.operation
        if operation in ("lfs install", "lfs uninstall"):
            self._replace_statement(call, f"# {operation}: DVC needs no such step", comment=True)
            self.notes.append(f"line {call.call.lineno}: `git {operation}` is gone, DVC needs no such step")
        elif operation == "lfs track":
            self._track(call)
        elif operation in ("lfs pull", "lfs fetch", "lfs checkout"):
            self._replace_statement(call, f"{self._use('bring_data')}({self._repo(call)}, pull=True)")
        elif operation == "lfs push":
            self._use("dvc_repo")
            self._replace_statement(call, f"dvc_repo({self._repo(call)}).push(all_commits=True)")
        elif operation == "add":
            self._add(call)
        elif operation == "commit" and call.form != "method" and _commits_all(call):
            self._before(call, f"{self._repo(call)}.git.add(*{self._use('under_dvc')}({self._repo(call)}, new=False))")
        elif operation == "push":
            self._use("dvc_repo")
            self._before(
                call, f"dvc_repo({self._repo(call)}).push(all_commits=True)  # the data of every commit, first"
            )
        elif operation == "pull":
            self._after(call, f"{self._use('bring_data')}({self._repo(call)}, pull=True)")
        elif operation == "clone":
            self._use("bring_data")
            self.spans.around(call.call, "bring_data(", ", pull=True)")
        elif operation in _BRING and not self._only_makes_a_branch(call):
            self._after(call, f"{self._use('bring_data')}({self._repo(call)})")
        elif operation == "is_dirty" or (operation in ("status", "diff") and self._only_asked(call)):
            self._use("data_changed")
            self.spans.around(call.call, "(", f" or data_changed({self._repo(call)}))")
        elif operation == "diff" and (listed := self._listed_paths(call)) is not None:
            self._use("changed_data")
            self.spans.around(listed, "(", f" + changed_data({self._repo(call)}))")
        elif operation == "iter_commits" and (paths := self._history_paths(call)) is not None:
            self._use("with_pointers")
            self.spans.around(paths, "with_pointers(", ")")
        elif operation in ("rm", "remove") and call.paths() and not all(map(self._is_code, call.paths())):
            self._remove(call)
        elif operation in _DECLINED or operation.startswith("lfs "):
            self._decline(call)
        elif operation in _SHOWS:
            self._shows(call)

    def _track(self, call: GitCall) -> None:
        patterns = ", ".join(self.spans.source(word) for word in call.paths())
        if not patterns:
            raise _Unsure(f"line {call.call.lineno}: `git lfs track` lists patterns, and DVC has none to list")
        self._use("track_data")
        self._replace_statement(call, f"track_data({self._repo(call)}, {patterns})")
        self.notes.append(
            f"line {call.call.lineno}: what `git lfs track` named is put under DVC by this program; DVC has no "
            "patterns that hold for everybody who commits"
        )

    def _add(self, call: GitCall) -> None:
        repository, flags, paths = self._repo(call), call.flags(), list(call.paths())
        if call.form == "method":
            paths += [keyword.value for keyword in call.keywords if keyword.arg == "items"]
            flags = frozenset()
            if len(paths) != 1:
                raise _Unsure(f"line {call.call.lineno}: `index.add` is given other arguments than a list of files")
        whole = flags & _ALL or any(isinstance(p, ast.Constant) and p.value in (".", "*", "./") for p in paths)
        if whole and call.form != "method":
            self._use("under_dvc")
            known = ", new=False" if flags & {"-u", "--update"} and not flags & {"-A", "--all"} else ""
            self._before(call, f"{repository}.git.add(*under_dvc({repository}{known}))")
            return
        if flags - {"--", "-f", "--force", "-v", "--verbose", "-N"}:
            raise _Unsure(f"line {call.call.lineno}: what `git add {' '.join(sorted(flags))}` adds is not known here")
        if not paths:
            raise _Unsure(f"line {call.call.lineno}: `git add` names no files")
        self._use("under_dvc")
        if call.form == "method":
            self.spans.around(paths[0], f"under_dvc({repository}, ", ")")
            return
        sources = [self.spans.source(path) for path in paths]
        single = len(paths) == 1 and not isinstance(paths[0], ast.Starred)
        listed = sources[0] if single else f"[{', '.join(sources)}]"
        words = [self.spans.source(word) for word in call.words if word not in paths]
        words += [f"*under_dvc({repository}, {listed})"]
        for keyword in call.keywords:
            words.append((f"{keyword.arg}=" if keyword.arg else "**") + self.spans.source(keyword.value))
        self.spans.replace(call.call, f"{repository}.git.add({', '.join(words)})")

    def _remove(self, call: GitCall) -> None:
        paths, repository = list(call.paths()), self._repo(call)
        flags = call.flags() - {"-r", "-f", "--force", "-q", "--quiet", "--"}
        kept = "--cached" in flags
        if call.form == "method":
            tree = next((k.value for k in call.keywords if k.arg == "working_tree"), None)
            if len(paths) != 1 or not (tree is None or isinstance(tree, ast.Constant)):
                self._decline(call)
            kept, flags = not (isinstance(tree, ast.Constant) and tree.value), flags - {"--working-tree"}
        if flags - {"--cached"}:
            self._decline(call)
        self._use("off_dvc")
        keep = ", keep=True" if kept else ""
        if call.form == "method":
            self.spans.around(paths[0], f"off_dvc({repository}, ", f"{keep})")
            return
        listed = ", ".join(self.spans.source(path) for path in paths)
        words = [self.spans.source(word) for word in call.words if word not in paths]
        words += [f"*off_dvc({repository}, [{listed}]{keep})"]
        words += [f"{k.arg}={self.spans.source(k.value)}" for k in call.keywords]
        self.spans.replace(call.call, f"{repository}.git.rm({', '.join(words)})")

    def _only_asked(self, call: GitCall) -> bool:
        """Whether of the working tree's changes only is used if there are any: `if repo.git.status("--porcelain"):`."""
        if call.operation == "diff" and not self._of_working_tree(call):
            return False
        node: ast.AST = call.call
        parent = self.program.parent[node]
        while isinstance(parent, ast.BoolOp) or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)):
            node, parent = parent, self.program.parent[parent]
        return isinstance(parent, (ast.If, ast.While, ast.IfExp)) and parent.test is node

    @staticmethod
    def _of_working_tree(call: GitCall) -> bool:
        """`repo.index.diff(None)`: of Git's own command the text is used, which says more."""
        words = call.words
        plain = len(words) == 1 and isinstance(words[0], ast.Constant) and words[0].value is None
        return call.form == "method" and not call.keywords and (plain or not words)

    def _listed_paths(self, call: GitCall) -> ast.ListComp | None:
        """`[item.a_path for item in repo.index.diff(None)]`, the list around the call."""
        generator = self.program.parent[call.call]
        listed = self.program.parent.get(generator) if isinstance(generator, ast.comprehension) else None
        if not (isinstance(listed, ast.ListComp) and len(listed.generators) == 1 and self._of_working_tree(call)):
            return None
        named = isinstance(listed.elt, ast.Attribute) and listed.elt.attr in ("a_path", "b_path")
        return listed if named and not listed.generators[0].ifs else None

    @staticmethod
    def _history_paths(call: GitCall) -> ast.expr | None:
        """The files whose history is asked for: `repo.iter_commits(paths="data.csv")`."""
        named = [keyword.value for keyword in call.keywords if keyword.arg == "paths"]
        return next(iter([*named, *call.words[1:2]]), None)

    def _only_makes_a_branch(self, call: GitCall) -> bool:
        """`checkout -b NAME` at the revision that is checked out changes no file."""
        new = call.flags() & {"-b", "-c", "--create"}
        return bool(new) and len(call.paths()) <= 1 and call.operation in ("checkout", "switch")

    def _decline(self, call: GitCall) -> None:
        if call.operation in ("rm", "mv", "remove", "move") and call.paths() and all(map(self._is_code, call.paths())):
            return
        what = "a Git command that is put together elsewhere" if call.operation == "unknown" else f"`{call.operation}`"
        raise _Unsure(f"line {call.call.lineno}: {what} may concern data, and how DVC does it depends on which")

    def _is_code(self, node: ast.expr) -> bool:
        parts = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
        return all(isinstance(p, ast.Constant) and isinstance(p.value, str) and p.value.endswith(_CODE) for p in parts)

    @staticmethod
    def _surely_code(node: ast.expr) -> bool:
        parts = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
        return all(isinstance(p, ast.Constant) and kind(str(p.value)) == "code" for p in parts)

    def _shows(self, call: GitCall) -> None:
        if call.operation == "show" and any(":" in self.spans.source(word) for word in call.words):
            if not any(suffix in self.spans.source(word) for word in call.words for suffix in _CODE):
                raise _Unsure(f"line {call.call.lineno}: `git show` reads a file of a revision that may be data")
        elif self.spans.alone(call.statement) and not isinstance(call.statement, ast.If):
            self.spans.line_before(
                call.statement, ["# Of data, Git shows the .dvc file; DvcRepo.diff() compares the data itself."]
            )
            self.notes.append(
                f"line {call.call.lineno}: of data, `{call.operation}` shows the .dvc file; DVC's own diff has the data"
            )

    # --- edits ----------------------------------------------------------------------------------------------

    def _use(self, name: str) -> str:
        self.used.add(name)
        return name

    def _repo(self, call: GitCall) -> str:
        if not call.repository:
            raise _Unsure(f"line {call.call.lineno}: of which repository this is could not be told")
        return call.repository

    def _before(self, call: GitCall, line: str) -> None:
        statement = call.statement
        if isinstance(
            statement, (ast.While, ast.For, ast.AsyncFor, ast.FunctionDef, ast.ClassDef)
        ) or not self._own_line(statement):
            raise _Unsure(
                f"line {call.call.lineno}: a line is needed before `{call.operation}`, and there is no place for it"
            )
        self.spans.line_before(statement, [line])

    def _own_line(self, statement: ast.stmt) -> bool:
        start, end = self.spans.ends(statement)
        begin = self.spans.offset(statement.lineno, 0)
        if self.program.text[begin:start].strip() or self.program.text[start:end].startswith("elif"):
            return False
        return isinstance(statement, (ast.If, ast.With, ast.Try)) or self.spans.alone(statement)

    def _after(self, call: GitCall, line: str) -> None:
        simple = isinstance(call.statement, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign))
        if not simple or not self.spans.alone(call.statement):
            raise _Unsure(
                f"line {call.call.lineno}: a line is needed after `{call.operation}`, and there is no place for it"
            )
        self.spans.line_after(call.statement, [line])

    def _replace_statement(self, call: GitCall, line: str, *, comment: bool = False) -> None:
        statement = call.statement
        if not (isinstance(statement, ast.Expr) and statement.value is call.call and self.spans.alone(statement)):
            raise _Unsure(f"line {call.call.lineno}: what `git {call.operation}` gives back is used")
        if comment and self._only_one(statement):
            line = f"pass  {line}"
        self.spans.replace(statement, line)

    def _only_one(self, statement: ast.stmt) -> bool:
        """Whether a block would be empty without the statement. Cautious: another `lfs install` may go as well."""
        parent = self.program.parent[statement]
        blocks = [getattr(parent, name, []) for name in ("body", "orelse", "finalbody")]
        block = next((b for b in blocks if isinstance(b, list) and statement in b), [])
        return not isinstance(parent, ast.Module) and len(block) == 1

    # --- the program's head ---------------------------------------------------------------------------------

    def _refuse_other_ways(self) -> None:
        for node in self.program.nodes:
            if isinstance(node, ast.Attribute) and node.attr == "data_stream" and not self._reads_commit(node):
                raise _Unsure(f"line {node.lineno}: a file is read out of a commit; data is not in it any more")
            if isinstance(node, ast.Call) and _runs_git(node):
                raise _Unsure(
                    f"line {node.lineno}: Git is run as a program there, and the recipe follows GitPython only"
                )
        taken = {node.name for node in self.program.nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        taken |= {node.id for node in self.program.nodes if isinstance(node, ast.Name)}
        for name in helpers.NAMES:
            if name in taken:
                raise _Unsure(f"the name `{name}` {_BOUND}")

    def _reads_commit(self, stream: ast.Attribute) -> bool:
        """Moves `COMMIT.tree["data.csv"].data_stream.read()` and `(COMMIT.tree / "data.csv")...`, if it is that."""
        read = self.program.parent[stream]
        call = self.program.parent.get(read)
        if not (isinstance(read, ast.Attribute) and read.attr == "read" and isinstance(call, ast.Call)):
            return False
        if isinstance(stream.value, ast.Subscript):
            tree, path = stream.value.value, stream.value.slice
        elif isinstance(stream.value, ast.BinOp) and isinstance(stream.value.op, ast.Div):
            tree, path = stream.value.left, stream.value.right
        else:
            return False
        if not (isinstance(tree, ast.Attribute) and tree.attr == "tree") or call.args or call.keywords:
            return False
        self._use("data_at")
        self.spans.replace(call, f"data_at({self.spans.source(tree.value)}, {self.spans.source(path)})")
        return True

    def _head(self) -> None:
        imports = ["import os"] if self.facts.imports.get("os") != "os" else []
        if self.used & {"under_dvc", "track_data"}:
            imports.append("from fnmatch import fnmatch")
        if imports:
            imports.append("")
        imports += self._dvc_import()
        lines = "\n".join([*imports, *helpers.text(self.used).split("\n")]).rstrip("\n")
        body = self.program.tree.body
        last = None
        for number, statement in enumerate(body):
            docstring = number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not docstring and not isinstance(statement, (ast.Import, ast.ImportFrom)):
                break
            last = statement
        if last is None or not self.spans.alone(last):
            raise _Unsure("the program has no block of imports at its top")
        at = self.spans.text.find("\n", self.spans.ends(last)[1])
        at = len(self.spans.text) if at < 0 else at + 1
        rest = self.spans.text[at:]
        if not rest.startswith(("\n\n", "\r\n\r\n")):
            lines += "\n"  # two blank lines below a function
        self.spans.found.append((at, at, lines.replace("\n", self.spans.newline) + self.spans.newline))
        self.notes.append("data goes under DVC and its .dvc files into Git; code, branches and tags stay in Git")
        if "dvc_repo" in self.used or "under_dvc" in self.used or "track_data" in self.used:
            self.notes.append(
                "data is pushed to the remote in DVC_REMOTE_URL, by default the folder dvc-storage beside the project"
            )

    def _dvc_import(self) -> list[str]:
        plain = "from dvc.repo import Repo as DvcRepo"
        if self.used == {"data_at"}:
            plain = "import dvc.api"
        elif "data_at" in self.used:
            plain = f"import dvc.api\n{plain}"
        if "dvc.py" not in self.text and not self.facts.path.endswith("dvc.py"):
            return [plain]
        self.notes.append("the project has a dvc.py, which would be imported in the place of DVC: it is passed over")
        return [
            "import sys",
            "",
            "# a dvc.py beside this file would be imported in the place of DVC",
            'path, sys.path = sys.path, [p for p in sys.path if not os.path.isfile(os.path.join(p, "dvc.py"))]',
            plain,
            "sys.path = path",
        ]


def _commits_all(call: GitCall) -> bool:
    return any(flag == "--all" or (flag[:2] != "--" and "a" in flag) for flag in call.flags())


def _runs_git(call: ast.Call) -> bool:
    """subprocess.run(["git", ...]), os.system("git ...")."""
    name = ast.unparse(call.func)
    if not name.startswith(("subprocess.", "os.system", "os.popen", "run", "check_", "Popen")) or not call.args:
        return False
    first = call.args[0]
    if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
        first = first.elts[0]
    if isinstance(first, ast.JoinedStr) and first.values:
        first = first.values[0]
    return isinstance(first, ast.Constant) and str(first.value).split(" ")[0] in ("git", "dvc")
