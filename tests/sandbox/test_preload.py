from __future__ import annotations

import pytest

from mlops_bot.sandbox import preload
from mlops_bot.types import Job, Runtime

RUNTIME = Runtime("id", "a test's", "/usr/bin/python3")


def job(text: str, *argv: str, **options: object) -> Job:
    files = {"project/train.py": text.encode(), "project/own/net.py": b"import torch", "project/own/__init__.py": b""}
    values = {"files": files, "workdir": "project", **options}
    return Job(argv or ("python", "train.py"), runtime=RUNTIME, **values)  # type: ignore[arg-type]


def imports(text: str, **options: object) -> tuple[str, ...]:
    found = preload.plan(job(text, **options))
    assert isinstance(found, preload.Plan), found
    return found.imports


def packages(text: str) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in imports(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("print(1)", []),
        ("import numpy as np, os\n", ["numpy"]),
        ("from sklearn.svm import SVC\nimport numpy\n", ["numpy", "sklearn"]),  # in one order, whatever the program's
        ("try:\n    import wandb\nexcept ImportError:\n    wandb = None\n", ["wandb"]),
        ("def f():\n    import torch\n", []),  # perhaps never
        ("if __name__ == '__main__':\n    import torch\n", []),
        ("import own.net\n", ["torch"]),
        ("from own import net\n", ["torch"]),
        ("from . import keras\n", []),
        ("import antigravity\n", []),
        ("import keras\nthis is no Python\n", []),
    ],
)
def test_what_a_program_surely_imports_is_imported_ahead(text: str, expected: list[str]) -> None:
    assert packages(text) == expected


def test_programs_with_the_same_packages_share_a_worker() -> None:
    assert imports("from sklearn.svm import SVC") == imports("import sklearn.tree as t\nimport os")


def test_a_backend_may_be_chosen_before_pyplot_is_imported() -> None:
    assert imports("import matplotlib.pyplot as plt") == ("matplotlib.pyplot",)
    assert imports("import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt") == ()


def test_lazy_parts_are_imported_where_they_are_used() -> None:
    assert "mlflow.sklearn" not in imports("import mlflow, sklearn\nmlflow.log_metric('a', 1)")
    assert "mlflow.sklearn" in imports("import mlflow, sklearn\nmlflow.sklearn.autolog()")
    assert "mlflow.sklearn" in imports("import mlflow, sklearn\nmlflow.autolog()")
    assert "mlflow.pytorch" not in imports("import mlflow, sklearn\nmlflow.autolog()")
    drawn = "import mlflow, sklearn{}\nmlflow.sklearn.autolog(silent=True)"
    assert "matplotlib.pyplot" in imports(drawn.format(""))  # autologging draws
    assert "matplotlib.pyplot" not in imports(drawn.format(", matplotlib"))


def test_what_a_job_says_that_it_will_import_counts() -> None:
    assert imports("print(1)", imports=("torch.nn.utils.prune", "unheard_of"))[0] == "torch"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"argv": ("sh", "train.sh")}, "not started as"),
        ({"argv": ("python", "-m", "train")}, "not started as"),
        ({"argv": ("python",)}, "not started as"),
        ({"argv": ("python", "other.py")}, "other.py is not one of its files"),
        ({"argv": ("python", "../outside.py")}, "not one of its files"),
        ({"text": "import comet_ml, torch"}, "comet_ml has to be imported before"),
        ({"text": "import tensorflow as tf"}, "threads"),
    ],
)
def test_what_needs_a_fresh_process_says_why(changes: dict[str, object], why: str) -> None:
    argv = changes.get("argv", ("python", "train.py"))
    found = preload.plan(job(str(changes.get("text", "")), *argv))  # type: ignore[misc]
    assert isinstance(found, str)
    assert why in found


def test_files_that_the_environment_names_belong_to_the_worker() -> None:
    files = {"train.py": b"", "hooks/a.py": b"1", "hooks2/b.py": b"2", "hooks.json": b"{}", "data": b""}
    environment = {"PYTHONPATH": "{root}/hooks:/usr/lib", "HOOKS": "{root}/hooks.json", "TRACE": "{root}/trace.json"}
    found = preload.plan(Job(("python", "{root}/train.py"), files, RUNTIME, environment=environment))
    assert isinstance(found, preload.Plan)
    assert set(found.files) == {"hooks/a.py", "hooks.json"}
