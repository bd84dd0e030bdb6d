"""Components as the tests of the pure modules know them, independent of which ones exist."""

from __future__ import annotations

from pathlib import Path

from mlops_bot.types import Component, Functionality


def component(name: str, title: str, *functionalities: Functionality) -> Component:
    return Component(
        name=name, title=title, aliases=(), functionalities=functionalities, frameworks={}, imports=(name,),
        requirement=f"{name}>=1", docs_sources={"guide": f"https://{name}.org/docs/"}, environment={}, store=(), api_modules=(), guide="", folder=Path(),
        has_recipe=False,
    )  # fmt: skip


KNOWN = {
    c.name: c
    for c in (
        component("mlflow", "MLflow", "experiment-tracking", "model-registration"),
        component("wandb", "Weights & Biases", "experiment-tracking"),
        component("optuna", "Optuna", "hyperparameter-optimization"),
        component("gitpython", "GitPython", "version-control"),
        component("dvc", "DVC", "version-control"),
    )
}
