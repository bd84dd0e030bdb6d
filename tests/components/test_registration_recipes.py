"""What holds for the recipe of every registry, on every program in tests/programs."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import pytest

from mlops_bot.types import Component, NotApplicable, Rewritten

from .registries import NAMES, REGISTRIES, adapt, adapted, declined
from .trackers import PROGRAMS, read

WITHOUT_A_MODEL = {
    "pytorch_one_line_ifs": "no optimizer is given the parameters of a module",
    "sklearn_cross_validation": "keeps no fitted model under a name",
}
REFUSED = {("wandb", "sklearn_own_estimator"): "a pickle only names Centroids, which this file defines"}
CASES = [
    pytest.param(component, path, id=f"{component.name}-{path.stem}")
    for component in REGISTRIES
    for path in PROGRAMS
    if path.stem not in WITHOUT_A_MODEL and (component.name, path.stem) not in REFUSED
]


@pytest.mark.parametrize(("component", "path"), CASES)
def test_every_program_is_rewritten_once(path: Path, component: Component) -> None:
    text = read(path)
    first = adapt(component, text, path.name)
    assert isinstance(first, Rewritten), first
    compile(first.text, str(path), "exec")
    assert adapt(component, text, path.name) == first
    second = adapt(component, first.text, path.name)
    assert isinstance(second, NotApplicable)
    assert "already registered" in second.reason


@pytest.mark.parametrize(("component", "path"), CASES)
def test_only_lines_are_added(path: Path, component: Component) -> None:
    """Nothing goes but a call that makes the model in the middle of a statement, which gets a name."""
    text = read(path)
    outcome = adapt(component, text, path.name)
    assert isinstance(outcome, Rewritten)
    diff = list(difflib.ndiff(text.splitlines(), outcome.text.splitlines()))
    gone = [line[2:].strip() for line in diff if line.startswith("- ") and line[2:].strip()]
    assert len(gone) <= 1
    assert all("fit(" in line for line in gone)


@pytest.mark.parametrize(("component", "path"), CASES)
def test_the_way_lines_end_and_strings_are_quoted_stays(path: Path, component: Component) -> None:
    text = read(path)
    outcome = adapt(component, text, path.name)
    assert isinstance(outcome, Rewritten)
    assert ("\r\n" in outcome.text) == ("\r\n" in text)
    assert "\n" not in outcome.text.replace("\r\n", "") or "\r\n" not in text
    assert ast.get_docstring(ast.parse(outcome.text)) == ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("component", NAMES)
@pytest.mark.parametrize("name", WITHOUT_A_MODEL)
def test_programs_that_keep_no_model_are_left_alone(name: str, component: str) -> None:
    path = next(path for path in PROGRAMS if path.stem == name)
    assert WITHOUT_A_MODEL[name] in declined(component, read(path), path.name)


@pytest.mark.parametrize(("component", "name"), REFUSED)
def test_what_would_not_load_anywhere_else_is_refused(component: str, name: str) -> None:
    path = next(path for path in PROGRAMS if path.stem == name)
    assert REFUSED[component, name] in declined(component, read(path), path.name)


@pytest.mark.parametrize("component", NAMES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(:\n", "the file cannot be parsed"),
        ("x = 1\n", "no supported training framework"),
        ("import xgboost\nbst = xgboost.train({}, data)\n", "does not know this program's framework"),
        ("from sklearn.preprocessing import StandardScaler\nX = StandardScaler().fit_transform(X)\n", "not applicable"),
        (
            "import torch\nw = torch.zeros(3, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
            "for i in range(3):\n    w.sum().backward()\n    opt.step()\n",
            "no optimizer is given the parameters of a module",
        ),
        (
            "import torch\ndef train(loader):\n    net = torch.nn.Linear(2, 1)\n"
            "    opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
            "    for x in loader:\n        net(x).sum().backward()\n        opt.step()\n",
            "nothing in this file calls its training code",
        ),
    ],
    ids=["broken", "no-training", "other", "preparation", "loose-tensors", "uncalled"],
)
def test_what_is_not_applicable_says_why(text: str, reason: str, component: str) -> None:
    if reason == "the file cannot be parsed":
        from mlops_bot import components
        from mlops_bot.source import analyse

        recipe = components.recipe(components.load_all()[component])
        assert recipe is not None
        outcome = recipe(text, analyse("train.py", "import torch\n"), "model-registration")
        assert isinstance(outcome, NotApplicable)
        assert reason in outcome.reason
        return
    assert reason in declined(component, text)


def test_models_fitted_in_a_list_are_registered_one_by_one_where_a_loop_has_them() -> None:
    text = """from sklearn import svm
X, y = load()
models = (svm.SVC(kernel="linear"), svm.SVC(kernel="rbf"))
models = (clf.fit(X, y) for clf in models)
titles = ("Linear kernel", "RBF kernel")
for clf, title in zip(models, titles):
    print(title, clf.score(X, y))
"""
    added = adapted("mlflow", text)
    assert "    print(title, clf.score(X, y))\n    with mlflow.start_run():" in added
    assert "registered_model_name=title" in added


def test_a_module_that_trains_itself_has_the_name_of_its_class() -> None:
    text = """import torch
class EdgeFilter(torch.nn.Linear):
    def learn(self, x):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        for epoch in range(3):
            self(x).mean().backward()
            optimizer.step()
EdgeFilter(2, 1).learn(torch.ones(4, 2))
"""
    assert 'registered_model_name="edge-filter"' in adapted("mlflow", text)


@pytest.mark.parametrize("component", NAMES)
def test_the_best_estimator_of_a_search_does_not_need_its_scoring(component: str) -> None:
    text = """from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
X = load()
def bic(estimator, X):
    return -estimator.bic(X)
search = GridSearchCV(GaussianMixture(), {"n_components": [1, 2]}, scoring=bic)
search.fit(X)
"""
    assert "search.best_estimator_" in adapted(component, text)
