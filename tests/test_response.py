"""Answers as models write them -> candidates, or a reason. The program and the answers are made up for these tests."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_bot.response import parse
from mlops_bot.types import Candidate, Component, Failed, SourceFile, Task

SCRIPT = '''\
"""Learns to add."""
import argparse

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(2, width)
        self.second = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.second(x)


def batches(count, size):
    for _ in range(count):
        x = torch.rand(size, 2)
        yield x, x.sum(1, keepdim=True)


def train(model, optimizer, epoch):
    model.train()
    total = 0.0
    for x, y in batches(8, 16):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: loss {total / 8:.4f}")
    return total / 8


def test(model):
    model.eval()
    with torch.no_grad():
        errors = [(model(x) - y).abs().mean().item() for x, y in batches(4, 16)]
    return sum(errors) / len(errors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.1)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = Net(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        train(model, optimizer, epoch)
    print("error", test(model))


if __name__ == "__main__":
    main()
'''

EDITED = SCRIPT.replace("import torch\nfrom", "import mlflow\nimport torch\nfrom").replace(
    "        train(model, optimizer, epoch)\n",
    '        loss = train(model, optimizer, epoch)\n        mlflow.log_metric("loss", loss, step=epoch)\n',
)
IMPORTED = SCRIPT.replace("import torch\nfrom", "import mlflow\nimport torch\nfrom")


def component() -> Component:
    return Component(
        name="mlflow",
        title="MLflow",
        aliases=(),
        functionalities=("experiment-tracking",),
        frameworks={"pytorch": ("llm",)},
        imports=("mlflow",),
        requirement="mlflow>=3.4,<4",
        docs_sources={},
        environment={},
        store=(),
        api_modules=("mlflow",),
        guide="",
        folder=Path(),
        has_recipe=False,
    )


def task(text: str = SCRIPT, *others: tuple[str, str], path: str = "train.py", kind: str = "inlining") -> Task:
    files = (SourceFile(path, text), *(SourceFile(name, content) for name, content in others))
    return Task("translation" if kind == "translation" else "inlining", "experiment-tracking", component(), files)


def new_text(answer: str, of: Task | None = None) -> str:
    of = of or task()
    result = parse(answer, of)
    assert isinstance(result, Candidate), result
    assert set(result.files) == {of.script.path}
    return result.files[of.script.path]


def reason(answer: str, of: Task | None = None, *, truncated: bool = False) -> str:
    result = parse(answer, of or task(), truncated=truncated)
    assert isinstance(result, Failed), result
    assert result.stage == "parse"
    assert len(result.detail) < 3000
    return result.reason


def fence(code: str, info: str = "python", mark: str = "```") -> str:
    return f"{mark}{info}\n{code}{'' if code.endswith(chr(10)) else chr(10)}{mark}\n"


def between(text: str, first: str, last: str) -> str:
    """The part of `text` from `first` up to, without, `last`."""
    start = text.index(first)
    return text[start : text.index(last, start)]


# --- whole files -------------------------------------------------------------------------------------------

WHOLE = {
    "a plain fence": fence(EDITED),
    "gpt 3.5: prose around it": "Sure! Here is the modified code:\n\n"
    + fence(EDITED)
    + "\nIn this version, MLflow logs the loss.\n- `import mlflow`\n",
    "wizardcoder: prose and response header": "### Response:\nHere's the modified code with MLflow:\n"
    + fence(EDITED, "")
    + "\nI hope this helps!",
    "a longer fence": fence(EDITED, "python", "`````"),
    "tildes": fence(EDITED, "python", "~~~"),
    "another language": fence(EDITED, "java"),
    "said to be text": fence(EDITED, "text"),
    "capital language": fence(EDITED, "Python"),
    "a title": fence(EDITED, 'python title="train.py"'),
    "a path behind the language": fence(EDITED, "python:train.py"),
    "a path before the fence": "**train.py**\n\n" + fence(EDITED),
    "a heading": "### File: `train.py`\n" + fence(EDITED),
    "a path comment on top": fence("# train.py\n" + EDITED),
    "an indented fence in a list": "1. The file:\n\n"
    + "".join("   " + line for line in fence(EDITED).splitlines(keepends=True)),
    "installation first": "First install it:\n```bash\npip install mlflow\n```\nThen:\n"
    + fence(EDITED)
    + "\nRun `train.py`:\n```\npython train.py\n```",
    "the original repeated first": "Original:\n" + fence(SCRIPT) + "Modified:\n" + fence(EDITED),
    "a snippet first": "The important part:\n"
    + fence('mlflow.log_metric("loss", loss, step=epoch)\n')
    + "Everything:\n"
    + fence(EDITED),
    "a snippet last": fence(EDITED) + "To look at it:\n" + fence("import mlflow\nprint(mlflow.search_runs())\n"),
    "no fence": EDITED,
    "no fence, prose before": "Here is the modified code:\n\n" + EDITED,
    "no fence, prose after": EDITED + "\nThis code logs the loss of every epoch.\n",
    "no fence, prose around": "Modified Code:\n\n" + EDITED + "\nI've added MLflow logging.\n",
    "windows newlines in the answer": fence(EDITED).replace("\n", "\r\n"),
    "blank lines inside the fence": "```python\n\n\n" + EDITED + "\n\n```",
    "trailing blanks": fence(EDITED.replace("loss.backward()\n", "loss.backward()   \n")),
    "a thinking model": "<think>\nI could use ```python blocks\n</think>\n" + fence(EDITED),
    "remarks behind unchanged lines": fence(EDITED.replace("    model.eval()", "    model.eval()  # unchanged")),
    "an unclosed fence after the file": fence(EDITED) + "\nRun it:\n```bash\npython train.py\n",
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_file(name: str) -> None:
    assert new_text(WHOLE[name]) == EDITED


def test_fences_inside_the_file() -> None:
    original = '"""Adds.\n\n```bash\npython train.py\n```\n"""\nimport torch\n\nprint(torch.ones(2))\n'
    changed = original.replace("import torch", "import mlflow\nimport torch")
    assert new_text(fence(changed), task(original)) == changed
    assert new_text(fence(changed, "python", "````"), task(original)) == changed


# --- skipped parts -----------------------------------------------------------------------------------------

NET = between(SCRIPT, "class Net", "def batches")
TRAIN_BODY = between(SCRIPT, "    model.train()", "def test(")
MARKERS = (
    "# ... rest of the code unchanged",
    "# (same as before)",
    "# ... (same as original) ...",
    "# Rest of the code remains the same",
    "...",
    "# existing code",
    "// existing code",
    "# ... existing code ...",
    "# unchanged",
    "# [rest of the code]",
    "# Previous code here",
    "# Code omitted for brevity",
    "# same as above",
    "# ...",
    "# …",
    "... rest of the code ...",
    "[... rest of the code ...]",
    "# your code here",
    "# restlicher Code unverändert",
    "# Rest wie zuvor ...",
    "# reste du code inchangé",
    "# resto del código sin cambios",
    "# resto do código sem alterações",
    "# il resto del codice invariato",
    "# 其余代码不变",
    "# 省略",
    "# 残りのコードは変更なし",
    "# 나머지 코드는 동일",
    "# остальной код без изменений",
    "# Keep the rest of your functions as they were",
    "# Model definition remains unchanged",
    "# The remaining functions",
    "/* ... */",
    "# Rest of the file...",
    "pass  # rest of the code",
    "# Load data, define model ...",
)


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_stands_for_what_it_skips(marker: str) -> None:
    skipped = between(EDITED, "class Net", "def main")
    assert new_text(fence(EDITED.replace(skipped, marker + "\n\n\n"))) == EDITED


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_in_the_middle_of_a_function(marker: str) -> None:
    skipped = between(EDITED, "        optimizer.zero_grad", "        total +=")
    assert new_text(fence(EDITED.replace(skipped, f"        {marker}\n"))) == EDITED


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_at_the_end(marker: str) -> None:
    answer = IMPORTED[: IMPORTED.index("class Net")] + marker + "\n"
    assert new_text(fence(answer)) == IMPORTED


ELIDED = {
    "bodies of all functions": EDITED.replace(TRAIN_BODY, "    # ... same as before\n\n\n").replace(
        between(SCRIPT, "        super()", "    def forward"), "        # ... unchanged\n\n"
    ),
    "a class in one line": EDITED.replace(NET, "class Net(nn.Module): ...\n\n\n"),
    "a function in one line": EDITED.replace(TRAIN_BODY, "").replace(
        "def train(model, optimizer, epoch):\n", "def train(model, optimizer, epoch): ...\n\n\n"
    ),
    "a header with a remark": EDITED.replace(TRAIN_BODY, "").replace(
        "def train(model, optimizer, epoch):\n", "def train(model, optimizer, epoch):  # same as before\n\n\n"
    ),
    "pass with a remark": EDITED.replace(TRAIN_BODY, "    pass  # ... existing code\n\n\n"),
    "the beginning": "# ... imports and classes as before\n\n\n" + EDITED[EDITED.index("def main") :],
    "two markers in a row": EDITED.replace(NET, "# ... (model unchanged)\n# ... \n\n"),
    "a marker of nothing": EDITED.replace("def main", "# ... existing code ...\n\n\ndef main"),
    "an unclear comment where code is skipped": EDITED.replace(TRAIN_BODY, "    # Training loop...\n\n\n"),
}


@pytest.mark.parametrize("name", ELIDED)
def test_skipped_parts_come_back(name: str) -> None:
    text = new_text(fence(ELIDED[name]))
    expected = IMPORTED if name == "the beginning" else EDITED
    if name == "the beginning":
        expected = SCRIPT[: SCRIPT.index("def main")] + EDITED[EDITED.index("def main") :]
    blank_free = [line for line in text.splitlines() if line.strip()]
    assert blank_free == [line for line in expected.splitlines() if line.strip()]


def test_new_lines_beside_a_marker() -> None:
    answer = SCRIPT.replace(
        TRAIN_BODY,
        '    # ... same as before\n    mlflow.log_metric("loss", total / 8, step=epoch)\n    return total / 8\n\n\n',
    )
    text = new_text(fence(answer))
    assert '{total / 8:.4f}")\n    mlflow.log_metric("loss", total / 8, step=epoch)\n    return total / 8\n' in text
    assert text.replace('    mlflow.log_metric("loss", total / 8, step=epoch)\n', "") == SCRIPT


def test_a_changed_line_beside_a_marker_replaces_its_original() -> None:
    answer = SCRIPT.replace(TRAIN_BODY, "    # ... same as before\n\n\n").replace(
        "def train(model, optimizer, epoch)", "def train(model, optimizer, epoch, run)"
    )
    assert new_text(fence(answer)) == SCRIPT.replace(
        "def train(model, optimizer, epoch)", "def train(model, optimizer, epoch, run)"
    )


def test_skipped_code_moves_into_a_new_block() -> None:
    loop = between(SCRIPT, "    for epoch", "\n\nif __name__")
    answer = SCRIPT.replace(loop, "    with mlflow.start_run():\n        # ... rest of main unchanged\n")
    inside = "".join("    " + line for line in loop.splitlines(keepends=True))
    assert new_text(fence(answer)) == SCRIPT.replace(loop, "    with mlflow.start_run():\n" + inside)


def test_skipped_code_between_lines_that_moved() -> None:
    setup = between(SCRIPT, "    torch.manual_seed", "\n\nif __name__")
    inside = "".join("    " + line for line in setup.splitlines(keepends=True))
    wrapped = SCRIPT.replace(setup, "    with mlflow.start_run():\n" + inside)
    answer = wrapped.replace(between(wrapped, "        model = Net", '        print("error"'), "        # ...\n")
    assert new_text(fence(answer)) == wrapped


def test_strings_do_not_move_with_their_code() -> None:
    original = (
        'import torch\n\n\ndef main():\n    first = 1\n    text = """\nkeep\n  this\n"""\n'
        "    print(text, first)\n\n\nmain()\n"
    )
    body = between(original, "    first", "\n\nmain()")
    answer = original.replace(body, "    with tracked():\n        # ... unchanged\n")
    text = new_text(fence(answer), task(original))
    assert '        text = """\nkeep\n  this\n"""\n        print(text, first)\n' in text


AMBIGUOUS = {
    "a new line between two markers": SCRIPT.replace(
        TRAIN_BODY, "    # ...\n    mlflow.log_metric('loss', total)\n    # ...\n\n\n"
    ),
    "a changed line from the middle": SCRIPT.replace(
        TRAIN_BODY, "    loss = nn.functional.l1_loss(model(x), y)\n    # ... rest unchanged\n\n\n"
    ),
    "another function is gone without a marker": SCRIPT.replace(TRAIN_BODY, "    # ... same as before\n\n\n").replace(
        between(SCRIPT, "def batches", "def train"), ""
    ),
    "a skipped line is also elsewhere": SCRIPT.replace(
        "def main():\n", "def main():\n    torch.manual_seed(0)\n"
    ).replace(between(SCRIPT, "    args =", "    for epoch"), "    # ... setup unchanged\n"),
    "after the end of a block": SCRIPT.replace(
        between(SCRIPT, "        optimizer.step", "def main"),
        "        # ...\n    mlflow.log_metric('error', 1.0)\n\n\n",
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_skips_fail(name: str) -> None:
    assert "ambiguous" in reason(fence(AMBIGUOUS[name]))


LEFT_OUT = {
    "arguments as dots": EDITED.replace('"--lr", type=float, default=0.1', "..."),
    "a list as dots": EDITED.replace("[(model(x) - y).abs().mean().item() for x, y in batches(4, 16)]", "[...]"),
    "a body that is only pass": EDITED.replace(TRAIN_BODY, "    pass\n\n\n"),
    "a remark inside a call": EDITED.replace(
        'parser.add_argument("--lr", type=float, default=0.1)',
        'parser.add_argument(  # ... rest unchanged\n        "--lr")',
    ),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_nothing_left_out_gets_through(name: str) -> None:
    assert "left out" in reason(fence(LEFT_OUT[name])) or "ambiguous" in reason(fence(LEFT_OUT[name]))


LEGITIMATE = '''\
"""Indexing.

>>> for x in y:
...     print(x)
"""
from typing import Protocol, overload

import torch


class Step(Protocol):
    def __call__(self, x: torch.Tensor) -> torch.Tensor: ...

    def other(self, *args: tuple[int, ...]) -> None:
        ...


@overload
def f(x: int) -> int: ...
@overload
def f(x: str) -> str: ...
def f(x):
    # ... the rest of the work
    return x


def g(x):
    # same as before
    y = x[..., None]
    return y[..., 0]


def h():
    pass
'''


def test_dots_that_belong_there() -> None:
    changed = LEGITIMATE.replace("import torch\n", "import mlflow\nimport torch\n", 1).replace(
        "    return y[..., 0]", "    mlflow.log_metric('n', len(y[..., 1]))\n    return y[..., 0]"
    )
    assert new_text(fence(changed), task(LEGITIMATE)) == changed


def test_dots_that_belong_there_and_a_marker() -> None:
    changed = LEGITIMATE.replace("import torch\n", "import mlflow\nimport torch\n", 1)
    answer = changed[: changed.index("@overload")] + "# ... rest of the file unchanged\n"
    assert new_text(fence(answer), task(LEGITIMATE)) == changed


def test_new_comments_are_no_markers() -> None:
    changed = EDITED.replace("        loss = train(", "        # Log every epoch...\n        loss = train(")
    assert new_text(fence(changed)) == changed


# --- edits and diffs ---------------------------------------------------------------------------------------


def block(search: str, replace: str, path: str | None = "train.py") -> str:
    return f"{path + chr(10) if path else ''}<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


IMPORT = block("import torch\nfrom torch import nn\n", "import mlflow\nimport torch\nfrom torch import nn\n")
CALL = "        train(model, optimizer, epoch)\n"
LOGGED = '        loss = train(model, optimizer, epoch)\n        mlflow.log_metric("loss", loss, step=epoch)\n'
EDITS = {
    "plain": IMPORT + "\n" + block(CALL, LOGGED),
    "in one fence": "```\n" + IMPORT + block(CALL, LOGGED) + "```",
    "in two fences, prose between": "First:\n```python\n"
    + IMPORT
    + "```\nNow the loop:\n```python\n"
    + block(CALL, LOGGED)
    + "```\nDone.",
    "the path before the fence": "train.py\n```python\n"
    + IMPORT.removeprefix("train.py\n")
    + "```\n\n"
    + block(CALL, LOGGED, None),
    "no path": block("import torch\nfrom", "import mlflow\nimport torch\nfrom", None)
    .replace("from=", "from torch import nn\n=")
    .replace("from>", "from torch import nn\n>")
    + block(CALL, LOGGED, None),
    "the last block first": block(CALL, LOGGED) + IMPORT,
    "windows newlines": (IMPORT + block(CALL, LOGGED)).replace("\n", "\r\n"),
    "without indentation": IMPORT
    + block(CALL.strip() + "\n", "".join(x[8:] for x in LOGGED.splitlines(keepends=True))),
    "another indentation": IMPORT
    + block("  " + CALL.strip() + "\n", "".join("  " + x[8:] for x in LOGGED.splitlines(keepends=True))),
    "blanks at line ends": IMPORT + block(CALL.rstrip() + "  \n", LOGGED),
    "blank lines around": IMPORT + block("\n" + CALL + "\n", "\n" + LOGGED + "\n"),
    "shorter marks": (IMPORT + block(CALL, LOGGED)).replace("<<<<<<<", "<<<<<").replace(">>>>>>>", ">>>>>"),
    "the path on the mark": IMPORT + block(CALL, LOGGED, None).replace("SEARCH", "SEARCH train.py"),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits(name: str) -> None:
    assert new_text(EDITS[name]) == EDITED


EDITS_REFUSED = {
    "two places": (block("    return sum(errors) / len(errors)\n\n\n", "\n") + block("\n\n\n", "\n"), "empty"),
    "ambiguous place": (
        block("        optimizer.step()\n", "        optimizer.step()\n        x()\n", "other.py"),
        "other.py",
    ),
    "no place": (
        block("        optimizer.step(closure)\n", "        pass\n"),
        "edit block 1: its search part matches 0 places",
    ),
    "second block": (IMPORT + block("nonsense = 1\n", "pass\n"), "edit block 2"),
    "cut off": ((IMPORT + block(CALL, LOGGED))[:-30], "cut off"),
    "cut off in a fence": ("```python\n" + IMPORT, "cut off"),
    "no divider": (IMPORT.replace("=======\n", ""), "======="),
    "overlap": (
        block("import torch\nfrom torch import nn\n", "import torch\n") + block("from torch import nn\n", "import x\n"),
        "both change line 5",
    ),
    "skips in the search part": (
        block("    model.train()\n    # ... rest\n    return total / 8\n", "    return 1\n"),
        "skips lines",
    ),
    "absolute path": (block(CALL, LOGGED, "/etc/train.py"), "absolute path"),
    "parent": (block(CALL, LOGGED, "../train.py"), "outside the project"),
    "workflow": (block(CALL, LOGGED, ".github/workflows/ci.yml"), "workflow"),
    "does not compile": (block(CALL, "        train(model, optimizer epoch)\n"), "not valid Python: line 54"),
    "no change": (block(CALL, CALL), "nothing was changed"),
    "elided": (block(CALL, "        train(model, ...)\n"), "left out"),
}


@pytest.mark.parametrize("name", EDITS_REFUSED)
def test_edits_refused(name: str) -> None:
    answer, why = EDITS_REFUSED[name]
    assert why in reason(answer)


def test_edit_that_matches_several_places_names_them() -> None:
    original = "x = 1\nprint(x)\nx = 1\nprint(x)\n"
    assert "matches 2 places of train.py (lines 1, 3)" in reason(block("x = 1\n", "x = 2\n"), task(original))


def test_edit_replace_part_may_skip_what_search_has() -> None:
    answer = IMPORT + block(
        "def train(model, optimizer, epoch):\n" + TRAIN_BODY.rstrip() + "\n",
        "def train(model, optimizer, epoch):\n    # ... same as before\n    return float(total / 8)\n",
    )
    assert new_text(answer) == IMPORTED.replace("    return total / 8", "    return float(total / 8)")


def test_divider_inside_the_file() -> None:
    original = '"""\nTitle\n=======\n"""\nx = 1\n'
    answer = block('Title\n=======\n"""\nx = 1\n', 'Title\n=======\n"""\nx = 2\n')
    assert new_text(answer, task(original)) == original.replace("x = 1", "x = 2")


DIFF = '''\
--- a/train.py
+++ b/train.py
@@ -1,6 +1,7 @@
 """Learns to add."""
 import argparse
@blank@
+import mlflow
 import torch
 from torch import nn
@blank@
@@ -99,3 +100,4 @@ def main():
     for epoch in range(1, args.epochs + 1):
-        train(model, optimizer, epoch)
+        loss = train(model, optimizer, epoch)
+        mlflow.log_metric("loss", loss, step=epoch)
     print("error", test(model))
'''.replace("@blank@", " ")


@pytest.mark.parametrize(
    "answer",
    [
        fence(DIFF, "diff"),
        "Apply this patch:\n" + fence(DIFF, "patch"),
        DIFF,
        fence(DIFF.replace("\n \n", "\n\n"), "diff"),
        fence(DIFF, ""),
        fence("\n".join(DIFF.splitlines()[2:]) + "\n", "diff"),
    ],
)
def test_unified_diff(answer: str) -> None:
    assert new_text(answer) == EDITED


def test_unified_diff_that_does_not_fit() -> None:
    assert "diff hunk 2: its search part matches 0 places" in reason(
        fence(DIFF.replace("-        train(model", "-        fit(model"), "diff")
    )
    assert "absolute" in reason(fence(DIFF.replace("+++ b/train.py", "+++ /etc/passwd"), "diff"))
    assert "deletes a file" in reason(fence(DIFF.replace("+++ b/train.py", "+++ /dev/null"), "diff"))
    assert "cannot be placed" in reason(fence("@@\n+import mlflow\n", "diff"))
    assert "cut off" in reason(fence(DIFF, "diff")[:-5])


# --- answers that cannot be used ---------------------------------------------------------------------------

UNUSABLE = {
    "empty": ("", "empty"),
    "blank": ("  \n\t\n", "empty"),
    "prose": ("You should import mlflow and log the loss of every epoch in train().", "holds no code"),
    "a refusal": ("I'm sorry, but I can't help with changing this code.", "refused"),
    "garbage": ("\x00\x01\ufffd\ud800 %$&§ ´´´", "holds no code"),
    "json": ('{"error": {"message": "overloaded"}}', "holds no code"),
    "html": ("<html><body>502 Bad Gateway</body></html>", "holds no code"),
    "a missing closing fence": ("```python\n" + EDITED, "cut off"),
    "cut in the middle": ("```python\n" + EDITED[:900], "cut off"),
    "cut, but closed": (
        fence(EDITED[: EDITED.index("    args = parser")] + "    args = parser.parse_args("),
        "cut off",
    ),
    "cut in a string": (fence(EDITED + '"""\nnote'), "cut off"),
    "no fence and cut": (EDITED + "print(", "cut off"),
    "only a snippet": (fence("import mlflow\nmlflow.autolog()\n"), "only a part of train.py"),
    "several snippets": (
        "Imports:\n"
        + fence("import mlflow\nimport torch\nfrom torch import nn\n")
        + "Loop:\n"
        + fence("def main():\n    # ...\n" + LOGGED + "    x()\n"),
        "several parts",
    ),
    "only commands": ("```bash\npip install mlflow\n```", "no new version"),
    "the original": (fence(SCRIPT), "nothing was changed"),
    "only comments": (fence(SCRIPT.replace("def main", "# the main function\ndef main")), "nothing was changed"),
    "all skipped": (fence("# ... the whole file unchanged\n"), "nothing was changed"),
    "a syntax error": (fence(EDITED.replace("def main():", "def main()")), "line 46"),
    "python 2": (fence(EDITED.replace('print("error", test(model))', 'print "error"')), "not valid Python"),
    "another file": ("mlflow_utils.py\n" + fence(EDITED), "not one of the task's files (train.py)"),
    "an absolute path": ("/etc/cron.d/train.py\n" + fence(EDITED), "absolute path"),
    "a path outside": ("`../../train.py`\n" + fence(EDITED), "outside the project"),
    "a workflow": (".github/workflows/ci.yml\n" + fence("on: push\n", "yaml"), "never change"),
    "a workflow besides": (
        "train.py\n" + fence(EDITED) + "\n.github/workflows/ci.yml\n" + fence("on: push\n", "yaml"),
        "never change",
    ),
    "a direction mark": (fence(EDITED.replace("loss = train", "loss\u202e = train")), "hidden character"),
    "zero width": (fence(EDITED.replace('"error"', '"err\u200bor"')), "U+200B"),
    "an invisible letter": (
        fence(EDITED.replace("        loss = train(", "        \u3164 = 1\n        loss = train(")),
        "U+3164",
    ),
    "a control character": (fence(EDITED.replace('"error"', '"err\x1b[2Jor"')), "U+001B"),
    "a thousand blocks": (fence("x y\n") * 1000, "1000 code blocks"),
    "too long": ("x" * 500_001, "500000"),
    "deeply nested": (fence(EDITED + "x = " + "(" * 5000 + ")" * 5000 + "\n"), "not valid Python"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable(name: str) -> None:
    answer, why = UNUSABLE[name]
    assert why in reason(answer)


def test_truncated_by_the_engine() -> None:
    assert "cut off" in reason(fence(EDITED), truncated=True)


def test_hidden_characters_of_the_original_may_stay() -> None:
    original = SCRIPT.replace('"error"', '"err\u200bor"')
    changed = EDITED.replace('"error"', '"err\u200bor"')
    assert new_text(fence(changed), task(original)) == changed


# --- style, several files, translation ---------------------------------------------------------------------


@pytest.mark.parametrize("answer", [fence(EDITED), IMPORT + block(CALL, LOGGED), fence(DIFF, "diff")])
def test_newlines_mark_and_end_of_the_original_stay(answer: str) -> None:
    original = "\ufeff" + SCRIPT.replace("\n", "\r\n").rstrip("\r\n")
    assert new_text(answer, task(original)) == "\ufeff" + EDITED.replace("\n", "\r\n").rstrip("\r\n")


def test_mixed_newlines_stay_where_they_are() -> None:
    original = SCRIPT.replace("import argparse\n", "import argparse\r\n")
    assert new_text(fence(EDITED), task(original)) == EDITED.replace("import argparse\n", "import argparse\r\n")


def test_blanks_at_line_ends_of_the_original_stay() -> None:
    original = SCRIPT.replace("    model.eval()\n", "    model.eval()  \n")
    assert new_text(fence(EDITED), task(original)) == EDITED.replace("    model.eval()\n", "    model.eval()  \n")


@pytest.mark.parametrize("answer", [fence(EDITED), IMPORT + block(CALL, LOGGED)])
def test_tabs_stay(answer: str) -> None:
    assert new_text(answer, task(SCRIPT.replace("    ", "\t"))) == EDITED.replace("    ", "\t")


def test_several_files() -> None:
    both = task(SCRIPT, ("lib/data.py", "def load(n):\n    return list(range(n))\n"))
    data = "import mlflow\n\n\ndef load(n):\n    return list(range(n))\n"
    for answer in (
        "train.py\n" + fence(EDITED) + "\nlib/data.py\n" + fence(data),
        fence(EDITED) + fence(data),
        fence(EDITED) + "`data.py`:\n" + fence(data),
        IMPORT
        + block(CALL, LOGGED, None)
        + block("def load(n):\n", "import mlflow\n\n\ndef load(n):\n", "lib/data.py"),
    ):
        assert parse(answer, both) == Candidate({"train.py": EDITED, "lib/data.py": data})
    assert parse(fence(EDITED), both) == Candidate({"train.py": EDITED})
    assert "does not say which file" in reason(block(CALL, LOGGED, None), both)


def test_translation_may_change_everything() -> None:
    original = "import git\n\nrepo = git.Repo('.')\nrepo.index.add(['a'])\nrepo.index.commit('x')\n"
    changed = "from dvc.repo import Repo\n\nwith Repo('.') as storage:\n    storage.add('a')\n"
    assert new_text(fence(changed), task(original, kind="translation")) == changed


# --- properties --------------------------------------------------------------------------------------------


PIECES = st.one_of(
    st.sampled_from(
        [
            "```",
            "```python",
            "~~~",
            "<<<<<<< SEARCH",
            "=======",
            ">>>>>>> REPLACE",
            "# ...",
            "...",
            "train.py",
            "@@ -1 +1 @@",
            "--- a",
            "+++ b",
            "```diff",
            "+x",
            "-x",
            "/etc/passwd",
            "    ...",
            *SCRIPT.splitlines(),
        ]
    ),
    st.text(max_size=30),
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("\n".join)))
def test_never_raises_and_never_lets_a_marker_through(text: str) -> None:
    result = parse(text, task())
    if isinstance(result, Candidate):
        new = result.files["train.py"]
        ast.parse(new)
        assert not [x for x in new.splitlines() if x.strip() in ("# ...", "...")]
    else:
        assert result.stage == "parse"
        assert result.reason


LINES = SCRIPT.splitlines(keepends=True)


@st.composite
def elided(draw: st.DrawFn) -> tuple[str, str]:
    """(the edited program, the same with parts of the original skipped): inserted lines never look like others."""
    count = draw(st.integers(1, 3))
    cuts = sorted(draw(st.lists(st.integers(0, len(LINES)), min_size=2 * count, max_size=2 * count, unique=True)))
    inserted = draw(
        st.dictionaries(
            st.integers(0, len(LINES) - 1),
            st.sampled_from(["mlflow.log_param('a{0}', {0})\n", "extra{0} = {0}\n"]),
            max_size=3,
        )
    )
    full, short = [], []
    skipped = [range(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
    for number, line in enumerate(LINES):
        indent = line[: len(line) - len(line.lstrip(" "))]
        if number in inserted and not any(number in some and number != some[0] for some in skipped):
            full.append(indent + inserted[number].format(number))
            short.append(indent + inserted[number].format(number))
        full.append(line)
        if any(number == some[0] for some in skipped):
            short.append(indent + draw(st.sampled_from(["# ... rest unchanged\n", "# same as before\n", "...\n"])))
        if not any(number in some for some in skipped):
            short.append(line)
    return "".join(full), "".join(short)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(elided())
def test_splicing_gives_the_edited_original_or_fails(texts: tuple[str, str]) -> None:
    full, short = texts
    result = parse(fence(short), task())
    if isinstance(result, Candidate):
        # an empty line beside a marker may be one of the skipped ones or a new one
        assert [x for x in result.files["train.py"].splitlines() if x] == [x for x in full.splitlines() if x]


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, len(LINES) - 1), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_edits_round_trip(numbers: set[int], newline: str) -> None:
    """Edits made from a changed program give that program again."""
    answer, changed = "", list(LINES)
    for number in numbers:
        if LINES[number].strip().startswith(("import", "print", "return", "total", "self.")):
            indent = LINES[number][: len(LINES[number]) - len(LINES[number].lstrip())]
            changed[number] = f"{indent}extra = {number}\n" + LINES[number]
            answer += block(
                "".join(LINES[max(0, number - 1) : number + 1]),
                "".join([*LINES[max(0, number - 1) : number], changed[number]]),
            )
    result = parse(answer.replace("\n", newline), task(SCRIPT.replace("\n", newline)))
    if isinstance(result, Candidate):
        assert result.files["train.py"] == "".join(changed).replace("\n", newline)
    else:
        assert not answer or "both change" in result.reason


@settings(max_examples=100, deadline=None)
@given(
    st.integers(3, 9),
    st.sampled_from("`~"),
    st.sampled_from(["", "python", "py", "text"]),
    st.text(alphabet="ab \n.", max_size=40),
)
def test_any_fence(length: int, mark: str, info: str, prose: str) -> None:
    assert new_text(prose + "\n" + fence(EDITED, info, mark * length) + "\n" + prose) == EDITED


# --- speed -------------------------------------------------------------------------------------------------


def long_program(functions: int) -> str:
    body = "\n\n".join(
        f"def step_{n}(x, total):\n    for i in range(10):\n        if x > i:\n            total += x\n        "
        f"else:\n            total -= 1\n"
        f"    # done\n    print('step', {n}, total)\n    return total\n"
        for n in range(functions)
    )
    return "import torch\n\n\n" + body


@pytest.mark.parametrize("skip", [False, True])
def test_long_answers_are_read_fast(skip: bool) -> None:
    original = long_program(75)
    changed = original.replace("    # done\n", "    mlflow.log_metric('total', total)\n    # done\n")
    answer = changed
    if skip:
        loop = between(changed, "    for i", "    mlflow")
        answer = changed.replace(loop, "    # ... same as before\n")
    assert len(changed.splitlines()) > 800
    times = []
    for _ in range(3):
        started = time.process_time()
        assert new_text(fence(answer), task(original)) == changed
        times.append(time.process_time() - started)
    assert min(times) < 0.2
