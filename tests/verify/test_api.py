from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_bot.verify import api, code

from .support import judge, program, swap

DUMP = Path(api.__file__).parent / "inside" / "api_dump.py"
MODULE = """
__version__ = "9.1"
import os
class Client:
    def __init__(self, uri=None): pass
    def log(self, run, key, value, step=None): pass
    @staticmethod
    def make(a): pass
class Dynamic:
    def __getattr__(self, name): return 1
def log_metric(key, value, step=None, *, run_id=None): pass
def anything(*args, **kwargs): pass
def needs(a, b): pass
VALUE = 3
"""


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> api.Api:
    folder = tmp_path_factory.mktemp("lib")
    (folder / "lib").mkdir()
    (folder / "lib" / "__init__.py").write_text(MODULE)
    (folder / "lib" / "part.py").write_text("def go(): pass\n")
    subprocess.run(
        [sys.executable, str(DUMP), str(folder / "out.json"), "lib", "lib.gone"],
        check=True,
        env={"PYTHONPATH": str(folder)},
        timeout=60,
    )
    data = json.loads((folder / "out.json").read_text())
    assert "lib.gone" in data["errors"][0]
    return api.load(data)


def check(lib: api.Api, text: str) -> str | None:
    return lib.check_calls(api.calls(code.parse(text), ["lib"]))


@pytest.mark.parametrize(
    "text",
    [
        "import lib\nlib.log_metric('a', 1, step=2)",
        "import lib as l\nl.log_metric(key='a', value=1, run_id='x')",
        "from lib import log_metric as lm\nlm('a', 1)",
        "import lib\nlib.anything(1, 2, x=3)",
        "import lib\nlib.needs(*args)\nlib.needs(**kw)",
        "import lib\nlib.part.go()\nfrom lib.part import whatever\nimport lib.part",
        "import lib\nc = lib.Client()\nc.log('r', 'k', 1)\nlib.Client.make(1)",
        "import lib\nd = lib.Dynamic()\nd.whatever(1)",
        "import lib\nlib.VALUE.anything()\nlib.os.path",
        "import lib\nlib.gone.x()",
        "lib = 3\nlib.nonsense()",
        "import lib\nlib = other()\nlib.nonsense()",
        "import lib\nc = lib.Client()\nc = other()\nc.nonsense()",
    ],
)
def test_right_and_unresolvable_calls_pass(lib: api.Api, text: str) -> None:
    assert check(lib, text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "import lib\nlib.log_metricss('a', 1)",
            "lib.log_metricss does not exist in lib 9.1 (did you mean log_metric?) (line 2)",
        ),
        ("from lib import log_metrix", "lib.log_metrix does not exist"),
        ("import lib\nlib.log_metric('a', values=1)", "takes no argument 'values' (did you mean value?)"),
        ("import lib\nlib.log_metric(1, 2, 3, 4)", "takes at most 3 positional arguments, not 4"),
        ("import lib\nlib.needs(1)", "needs the argument 'b'"),
        ("import lib\nlib.needs(1, a=2, b=3)", "gets 'a' twice"),
        ("import lib\ndef f():\n    c = lib.Client()\n    c.logg('r')", "lib.Client.logg does not exist"),
        ("from lib import Client\nclass A:\n    x = Client(url=1)", "takes no argument 'url'"),
        ("import lib\n@lib.unknown\ndef f(): pass", None),
    ],
)
def test_wrong_calls_are_named(lib: api.Api, text: str, words: str | None) -> None:
    reason = check(lib, text)
    assert words is None or (reason is not None and words in reason), reason


def test_the_static_stage_uses_it(lib: api.Api) -> None:
    original, adapted = program("torch_plain"), program("torch_plain_mlflow")
    known = api.load({"schema": 1, "versions": {"mlflow": "3.17.2"}, "modules": ["mlflow"], "names": {
        f"mlflow.{name}": {"kind": "function", "parameters": None} for name in ("log_metric", "log_metrics", "log_params", "start_run")
    } | {"mlflow": {"kind": "module", "parameters": None}}})  # fmt: skip
    assert judge(original, adapted, api=known) is None
    failed = judge(original, swap(adapted, ("mlflow.log_params", "mlflow.log_parameters")), api=known)
    assert failed is not None
    assert "mlflow.log_parameters does not exist in mlflow 3.17.2" in failed.reason


@pytest.mark.parametrize("document", ["[]", "{}", '{"schema": 2, "names": {}}'])
def test_another_document_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="not an API description"):
        api.load(document)


def test_a_module_inside_a_package_is_checked_and_the_rest_of_the_package_is_not() -> None:
    names = {
        "torch.nn.utils.prune": {"kind": "module", "parameters": None},
        "torch.nn.utils.prune.remove": {
            "kind": "function",
            "parameters": [["module", "positional_or_keyword", True], ["name", "positional_or_keyword", True]],
        },
    }
    known = api.load({"schema": 1, "names": names, "modules": ["torch.nn.utils.prune"], "versions": {"torch": "2.15"}})
    text = "import torch.nn.utils.prune as prune\nimport torch\ntorch.whatever(1)\n{}\n"
    for line, reason in (
        ("prune.remove(m, 'weight')", None),
        ("prune.remove(m)", "torch.nn.utils.prune.remove of torch 2.15 needs the argument 'name' (line 4)"),
        (
            "prune.removed(m)",
            "torch.nn.utils.prune.removed does not exist in torch 2.15 (did you mean remove?) (line 4)",
        ),
        (
            "torch.nn.utils.prune.remove(m)",
            "torch.nn.utils.prune.remove of torch 2.15 needs the argument 'name' (line 4)",
        ),
    ):
        assert known.check_calls(api.calls(code.parse(text.format(line)), ["torch"])) == reason
