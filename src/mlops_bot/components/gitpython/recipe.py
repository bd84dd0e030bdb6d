"""Moves a program from DVC to GitPython: what DVC held goes into Git itself, under the same revisions. Pure.

A variable that was DVC's repository becomes GitPython's, so that what is done to it stays where it is:

    dvc = DvcRepo(".")                       dvc = Repo(".", search_parent_directories=True)
    dvc.add("data.csv")                      dvc.git.add("--force", "data.csv")
    repo.index.add(["data.csv.dvc"])         repo.index.add(["data.csv"])
    dvc.push()                               # dvc push: Git's own push takes the data along
    dvc.api.read("data.csv", rev="v1")       Repo(...).commit("v1").tree["data.csv"].data_stream.read().decode()

What has no counterpart (remotes, caches, pipelines) is said in the notes, and in a comment where it was.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mlops_bot.rewrite.gitcalls import GitCall, GitProgram
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.spans import Spans
from mlops_bot.types import Component, Functionality, NotApplicable, Rewritten, SourceFacts

_DVC = ("dvc.repo.Repo",)
_PARENTS = "search_parent_directories=True"
_GONE = {
    "push": "Git's own push takes the data along",
    "pull": "Git's own pull and clone bring the data",
    "fetch": "Git's own fetch brings the data",
    "checkout": "Git's own checkout brings the data",
    "install": "Git needs no hooks of DVC",
}
_HELPER = '''\
def without_dvc(repo, paths):
    """What Git gets of `paths`: data in the place of its .dvc file, and nothing of DVC's own."""
    names = [str(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    names = [name[:-4] if name.endswith(".dvc") and os.path.basename(name) != ".dvc" else name for name in names]
    own = [name for name in names if ".dvc" in name.split("/") or os.path.basename(name) == ".dvcignore"]
    own += [name for name in names if os.path.basename(name) == ".gitignore"]
    there = [name for name in own if os.path.isfile(os.path.join(repo.working_tree_dir, name))]
    return [name for name in names if name not in own or (name in there and name.endswith(".gitignore"))]
'''


class _Unsure(Exception):
    """Why the recipe does not apply."""


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """Git is not added to programs that have no version control: when to commit what is not theirs to say."""
    return NotApplicable("GitPython is added by moving from DVC: `translate dvc gitpython`")


def translate(
    text: str, facts: SourceFacts, functionality: Functionality, *, source: Component
) -> Rewritten | NotApplicable:
    """The program with its data in Git. See Translator in types.py."""
    if source.name != "dvc":
        return NotApplicable(f"the recipe moves from DVC to GitPython, not from {source.title}")
    if not any(name == "dvc" or name.startswith("dvc.") for name in facts.imports.values()):
        return Rewritten(text, ("there is no DVC in it",))
    try:
        return _Translation(text, facts).done()
    except _Unsure as reason:
        return NotApplicable(str(reason))


@dataclass
class _Translation:
    text: str
    facts: SourceFacts
    notes: list[str] = field(default_factory=list)
    filtered: bool = False  # whether the helper is needed
    opened: str = ""  # how the program's text says GitPython's Repo
    needs: set[str] = field(default_factory=set)  # modules
    gone: dict[ast.stmt, str] = field(default_factory=dict)  # statements with no counterpart, and why

    def done(self) -> Rewritten:
        self.program = Program(self.text)
        self.spans = Spans(self.program.text)
        self._imports()
        dvc = GitProgram(self.program, self.facts.imports, _DVC)
        self._refuse_other_ways(dvc)
        for call in dvc.calls():
            self._one(call)
        for node in self.program.nodes:
            if isinstance(node, (ast.With, ast.AsyncWith)) and self._edits_configuration(node, dvc):
                self._gone(node, "DVC's remotes have no counterpart: Git's remote holds the data")
            if isinstance(node, ast.Call) and (dvc.qualified(node.func) or "").startswith("dvc.api."):
                self._reads(node, (dvc.qualified(node.func) or "").removeprefix("dvc.api."))
        for call in GitProgram(self.program, self.facts.imports).calls():
            if call.operation == "add":
                self._add(call)
        self._pointers()
        self._take_out()
        self._head()
        self.notes.append("data goes into Git itself; large files make it slow, and Git LFS is not set up by this")
        marked = "\ufeff" if self.text.startswith("\ufeff") else ""
        return Rewritten(marked + self.spans.apply(), tuple(dict.fromkeys(self.notes)))

    # --- DVC's operations -----------------------------------------------------------------------------------

    def _one(self, call: GitCall) -> None:
        operation, line = call.operation, call.call.lineno
        if operation in ("open", "init"):
            self._open(call)
        elif operation == "add":
            self._put(call)
        elif operation in _GONE:
            self._gone(call.statement, f"dvc {operation}: {_GONE[operation]}", call.call)
        elif operation == "commit":
            self.spans.replace(call.call, f'{call.repository}.git.add("--force", "--update")')
        elif operation == "remove":
            self._remove(call)
        elif operation == "status" and self._asked(call.call):
            self.spans.replace(call.call, f"{call.repository}.is_dirty()")
        elif operation == "close":
            return
        else:
            raise _Unsure(f"line {line}: DVC's `{operation}` has no counterpart in Git")

    def _open(self, call: GitCall) -> None:
        root = [*call.words, *(k.value for k in call.keywords if k.arg in ("root_dir", "path"))][:1]
        extra = [k.arg for k in call.keywords if k.arg not in ("root_dir", "path", "no_scm", "force", "subdir")]
        if extra or len(call.words) > 1:
            raise _Unsure(f"line {call.call.lineno}: how the DVC repository is opened has no counterpart in Git")
        where = self.spans.source(root[0]) if root else '"."'
        made = f"{self.opened}.init({where})" if call.operation == "init" else f"{self.opened}({where}, {_PARENTS})"
        self.spans.replace(call.call, made)

    def _put(self, call: GitCall) -> None:
        given = [*call.words, *(k.value for k in call.keywords if k.arg == "targets")]
        if len(given) != 1 or any(k.arg not in ("targets", "glob") or k.arg == "glob" for k in call.keywords):
            raise _Unsure(f"line {call.call.lineno}: what `add` does with these arguments has no counterpart in Git")
        self._result_unused(call)
        paths = self._absolute(given[0])
        self.spans.replace(call.call, f'{call.repository}.git.add("--force", {paths})')

    def _absolute(self, node: ast.expr) -> str:
        """DVC takes paths relative to the working directory, Git to the repository; a plain name may be either."""
        written = self.spans.source(node)
        if isinstance(node, (ast.List, ast.Tuple)) and not any(isinstance(e, ast.Starred) for e in node.elts):
            return ", ".join(self._absolute(part) for part in node.elts)
        if self._only_here:
            return written
        self.needs.add("os")
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) or self._text(node):
            return f"os.path.abspath({written})"
        names = f"[{written}] if isinstance({written}, (str, os.PathLike)) else {written}"
        return f"[os.path.abspath(name) for name in ({names})]"

    def _text(self, node: ast.expr) -> bool:
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        return name in ("str", "os.path.join", "os.path.abspath")

    def _remove(self, call: GitCall) -> None:
        if len(call.words) != 1 or call.keywords:
            raise _Unsure(f"line {call.call.lineno}: what `remove` does with these arguments has no counterpart in Git")
        self.spans.replace(call.call, f'{call.repository}.git.rm("--cached", {self._plain(call.words[0])})')

    def _reads(self, call: ast.Call, name: str) -> None:
        keywords = {k.arg: k.value for k in call.keywords if k.arg}
        known = {"path", "repo", "rev", "mode", "encoding"}
        path = call.args[0] if call.args else keywords.get("path")
        if name not in ("read", "open") or path is None or len(call.args) > 1 or keywords.keys() - known:
            raise _Unsure(f"line {call.lineno}: `dvc.api.{name}` has no counterpart in Git that is known here")
        root = keywords.get("repo")
        if root is not None and isinstance(root, ast.Constant) and "://" in str(root.value):
            raise _Unsure(f"line {call.lineno}: data is read out of another repository's address; Git needs a clone")
        where = self.spans.source(root) if root is not None else '"."'
        mode = keywords.get("mode")
        binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
        if mode is not None and not isinstance(mode, ast.Constant):
            raise _Unsure(f"line {call.lineno}: whether bytes or text are read is not known here")
        rev = self.spans.source(keywords["rev"]) if "rev" in keywords else '"HEAD"'
        commit = f"{self.opened}({where}, {_PARENTS}).commit({rev})"
        found = f"{commit}.tree[{self.spans.source(path)}].data_stream.read()" + ("" if binary else ".decode()")
        if name == "open":
            self.needs.add("io")
            found = f"io.{'BytesIO' if binary else 'StringIO'}({found})"
        self.spans.replace(call, found)

    def _gone(self, statement: ast.stmt, why: str, call: ast.Call | None = None) -> None:
        whole = call is None or (isinstance(statement, ast.Expr) and statement.value is call)
        if not whole or not self.spans.alone(statement):
            raise _Unsure(f"line {statement.lineno}: what this gives back is used, and Git has no counterpart: {why}")
        self.gone[statement] = why
        self.notes.append(f"line {statement.lineno}: {why}")

    def _take_out(self) -> None:
        """Comments in the place of what is gone; a block that has nothing else gets a `pass`."""
        for statement, why in self.gone.items():
            parent = self.program.parent[statement]
            blocks = [getattr(parent, name, []) for name in ("body", "orelse", "finalbody")]
            block = next((b for b in blocks if isinstance(b, list) and statement in b), [statement])
            empty = not isinstance(parent, ast.Module) and all(s in self.gone for s in block)
            self.spans.replace(statement, f"{'pass  ' if empty and statement is block[0] else ''}# {why}")

    def _result_unused(self, call: GitCall) -> None:
        if not (isinstance(call.statement, ast.Expr) and call.statement.value is call.call):
            raise _Unsure(f"line {call.call.lineno}: what `{call.operation}` gives back is used")

    def _asked(self, call: ast.Call) -> bool:
        node: ast.AST = call
        parent = self.program.parent[node]
        while isinstance(parent, ast.BoolOp) or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)):
            node, parent = parent, self.program.parent[parent]
        return isinstance(parent, (ast.If, ast.While, ast.IfExp)) and parent.test is node

    def _edits_configuration(self, node: ast.With | ast.AsyncWith, dvc: GitProgram) -> bool:
        """`with dvc.config.edit("repo") as config:`."""
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "edit":
                inner = call.func.value
                if isinstance(inner, ast.Attribute) and inner.attr == "config" and dvc.what(inner.value) == "repo":
                    return True
        return False

    # --- what Git gets ----------------------------------------------------------------------------------------

    def _add(self, call: GitCall) -> None:
        """Lists of what is put into Git: their .dvc files become data, DVC's own files go."""
        paths = list(call.paths())
        if call.form == "method":
            paths += [keyword.value for keyword in call.keywords if keyword.arg == "items"]
        if call.form == "execute":
            raise _Unsure(f"line {call.call.lineno}: `git add` is put together there")
        if all(isinstance(path, ast.Constant) and self._keeps(str(path.value)) for path in paths):
            return
        listed_here = paths[0] if len(paths) == 1 and isinstance(paths[0], (ast.List, ast.Tuple)) else None
        written = self._written(paths if listed_here is None else listed_here.elts)
        if call.form == "method" and not (written and listed_here):
            if len(paths) != 1:
                raise _Unsure(f"line {call.call.lineno}: what is added to Git is not one list")
            self.spans.around(paths[0], f"{self._filter(call)}, ", ")")
        elif call.form == "method":
            self.spans.replace(paths[0], f"[{', '.join(written)}]")
        else:
            listed = ", ".join(self.spans.source(path) for path in paths)
            words = [self.spans.source(word) for word in call.words if word not in paths]
            words += written or [f"*{self._filter(call)}, [{listed}])"]
            words += [(f"{k.arg}=" if k.arg else "**") + self.spans.source(k.value) for k in call.keywords]
            owner = self.spans.source(call.call.func)
            self.spans.replace(call.call, f"{owner}({', '.join(words)})")

    def _adds(self, node: ast.AST) -> bool:
        """Whether a text is a word of `git.add(...)`."""
        call = self.program.parent[node]
        return (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("add", "remove")
        )

    def _filter(self, call: GitCall) -> str:
        if not call.repository:
            raise _Unsure(f"line {call.call.lineno}: of which repository this is could not be told")
        self.filtered = True
        return f"without_dvc({call.repository}"

    def _written(self, parts: list[ast.expr]) -> list[str]:
        """The list for Git, where each part says which file it is; empty where that is only known when it runs."""
        found = []
        for part in parts:
            text = part.value if isinstance(part, ast.Constant) else None
            if isinstance(part, ast.JoinedStr) and part.values and isinstance(part.values[-1], ast.Constant):
                text, written = str(part.values[-1].value), self.spans.source(part)
                if not text.endswith(".dvc") or not written.endswith(('.dvc"', ".dvc'")):
                    return []
                found.append(f"{written[:-5]}{written[-1]}")
            elif isinstance(part, ast.BinOp) and isinstance(part.right, ast.Constant) and part.right.value == ".dvc":
                found.append(self.spans.source(part.left))
            elif not isinstance(text, str) or (text.endswith(".gitignore") and self._writes_ignores):
                return []
            elif self._keeps(text) or _is_pointer(text):
                found.append(self._plain(part))
        return found

    @staticmethod
    def _keeps(path: str) -> bool:
        """Whether Git gets this as before."""
        return not path.endswith((".dvc", ".gitignore", ".dvcignore")) and ".dvc" not in path.split("/")

    def _pointers(self) -> None:
        """Names of .dvc files elsewhere: `repo.iter_commits(paths="data.csv.dvc")`."""
        for node in self.program.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_pointer(node.value):
                parent = self.program.parent[node]
                if isinstance(parent, (ast.Expr, ast.JoinedStr)):
                    continue
                self.spans.replace(node, self._plain(node))

    def _plain(self, node: ast.expr) -> str:
        written = self.spans.source(node)
        if isinstance(node, ast.Constant) and _is_pointer(str(node.value)):
            return repr(str(node.value)[:-4]) if "'" in written else '"' + str(node.value)[:-4] + '"'
        return written

    # --- the program's head ------------------------------------------------------------------------------------

    def _imports(self) -> None:
        """DVC's imports go; GitPython's class is called as the program calls it, or as DVC's was."""
        known = {name: local for local, name in self.facts.imports.items()}
        self.opened = known.get("git.Repo") or (f"{known['git']}.Repo" if "git" in known else "")
        if not self.opened:
            taken = {n.id for n in self.program.nodes if isinstance(n, ast.Name)}
            own = known.get("dvc.repo.Repo")
            self.opened = own if own == "Repo" or "Repo" not in taken else "GitRepo"  # type: ignore[assignment]
            self.opened = self.opened if self.opened in ("Repo", "GitRepo") else "Repo"
            self.new_import = "from git import Repo" + (" as GitRepo" if self.opened == "GitRepo" else "")
        else:
            self.new_import = ""

    def _head(self) -> None:
        lines = [self.new_import] if self.new_import else []
        if self.filtered:
            self.needs.add("os")
        lines = [f"import {name}" for name in sorted(self.needs) if self.facts.imports.get(name) != name] + lines
        last = None
        gone: list[tuple[ast.Import | ast.ImportFrom, list[ast.alias]]] = []
        for statement in self.program.tree.body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                last = statement
        for node in self.program.nodes:
            if isinstance(node, ast.Import):
                kept = [alias for alias in node.names if alias.name.partition(".")[0] != "dvc"]
                if len(kept) != len(node.names):
                    gone.append((node, kept))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "dvc":
                gone.append((node, []))
        if last is None or not self.spans.alone(last):
            raise _Unsure("the program has no block of imports at its top")
        for node, kept in gone:
            new = f"import {', '.join(ast.unparse(alias) for alias in kept)}" if kept else ""
            if not new and lines and node in self.program.tree.body:
                new, lines = "\n".join(lines).replace("\n", self.spans.newline), []
            if new:
                self.spans.replace(node, new)
            elif node in self.program.tree.body and self.spans.alone(node):
                start, end = self.spans.offset(node.lineno, 0), self.spans.ends(node)[1]
                stop = self.spans.text.find("\n", end)
                self.spans.found.append((start, len(self.spans.text) if stop < 0 else stop + 1, ""))
            else:
                self.spans.replace(node, "pass")
        below = [
            *lines,
            *([""] if lines and self.filtered else []),
            *(_HELPER.rstrip("\n").split("\n") if self.filtered else []),
        ]
        if below:
            at = self.spans.text.find("\n", self.spans.ends(last)[1])
            at = len(self.spans.text) if at < 0 else at + 1
            self.spans.found.append((at, at, self.spans.newline.join(below) + self.spans.newline))

    def _refuse_other_ways(self, dvc: GitProgram) -> None:
        for node in self.program.nodes:
            if isinstance(node, ast.Call) and _runs_dvc(node):
                raise _Unsure(
                    f"line {node.lineno}: DVC is run as a program there, and the recipe follows its Python API"
                )
            if isinstance(node, (ast.FunctionDef, ast.Name)) and "without_dvc" in (
                getattr(node, "name", ""),
                getattr(node, "id", ""),
            ):
                raise _Unsure("the name `without_dvc` is bound by the program already")
        for local, name in self.facts.imports.items():
            if name.partition(".")[0] == "dvc" and name not in ("dvc", "dvc.api", "dvc.repo", *_DVC):
                raise _Unsure(f"`{local}` ({name}) of DVC has no counterpart that is known here")
        calls = [c for c in dvc.calls() if c.operation in ("open", "init")]
        roots = [self.spans.source(c.words[0]) if c.words else "" for c in calls]
        ignores = [n for n in self.program.nodes if isinstance(n, ast.Constant) and str(n.value).endswith(".gitignore")]
        self._writes_ignores = any(
            isinstance(self.program.parent[node], ast.Call) and not self._adds(node) for node in ignores
        )
        self._only_here = all(root in ("", '"."', "'.'") for root in roots)


def _is_pointer(text: str) -> bool:
    return text.endswith(".dvc") and not text.endswith("/.dvc") and text != ".dvc" and " " not in text


def _runs_dvc(call: ast.Call) -> bool:
    """subprocess.run(["dvc", ...]), os.system("dvc ...")."""
    first = call.args[0] if call.args else None
    if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
        first = first.elts[0]
    if isinstance(first, ast.JoinedStr) and first.values:
        first = first.values[0]
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.split(" ")[0] == "dvc"
