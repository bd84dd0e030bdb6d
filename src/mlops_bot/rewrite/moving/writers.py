"""Operations as statements of a tracker: lines of source, without indentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlops_bot.rewrite.moving.operations import File, Metrics, Model, Open, Params, Tag, Tags


class Writer(Protocol):
    module: str
    with_blocks: bool  # whether `with` may hold a run

    def header(self, open_: Open) -> str:
        """What begins a run: a call, for an assignment or a `with`."""
        ...

    def variable(self, open_: Open) -> str | None:
        """The name that the run has to have; None where it needs none."""
        ...

    def around(self, open_: Open) -> tuple[list[str], list[str]]:
        """Lines before and after the header."""
        ...

    def params(self, params: Params, run: str) -> str: ...
    def metrics(self, metrics: Metrics, step: str | None, run: str) -> str: ...
    def file(self, file: File, run: str) -> str: ...
    def tag(self, tag: Tag, run: str) -> str: ...
    def tags(self, tags: Tags, run: str) -> str: ...

    def model(self, model: Model, run: str) -> tuple[str, str] | None:
        """The statement, and the module that it needs imported; None where the tracker keeps no models by itself."""
        ...

    def end(self, run: str) -> str: ...


class _MLflow:
    module = "mlflow"
    with_blocks = True

    def header(self, open_: Open) -> str:
        words = [f"run_name={open_.name}"] if open_.name else []
        words += [f"description={open_.notes}"] if open_.notes else []
        words += [f'tags={{tag: "true" for tag in {open_.tags}}}'] if open_.tags else []
        return f"mlflow.start_run({', '.join(words)})"

    def variable(self, open_: Open) -> str | None:
        return open_.variable

    def around(self, open_: Open) -> tuple[list[str], list[str]]:
        return [f"mlflow.set_experiment({open_.project})"] if open_.project else [], []

    def params(self, params: Params, run: str) -> str:
        return f"mlflow.log_params({params.values})"

    def metrics(self, metrics: Metrics, step: str | None, run: str) -> str:
        return f"mlflow.log_metrics({metrics.values}{f', step={step}' if step else ''})"

    def file(self, file: File, run: str) -> str:
        return f"mlflow.log_artifact{'s' if file.folder else ''}({file.path})"

    def tag(self, tag: Tag, run: str) -> str:
        name = '"mlflow.runName"' if tag.name == '"name"' else tag.name
        return f"mlflow.set_tag({name}, {tag.value})"

    def tags(self, tags: Tags, run: str) -> str:
        return f"mlflow.set_tags({tags.values})"

    def model(self, model: Model, run: str) -> tuple[str, str] | None:
        return f"mlflow.{model.library}.log_model({model.model}, name={model.name})", f"mlflow.{model.library}"

    def end(self, run: str) -> str:
        return "mlflow.end_run()"


class _Wandb:
    module = "wandb"
    with_blocks = True

    def header(self, open_: Open) -> str:
        words = [
            f"{name}={value}"
            for name, value in (
                ("project", open_.project), ("name", open_.name), ("tags", open_.tags), ("notes", open_.notes)
            )
            if value
        ]  # fmt: skip
        return f"wandb.init({', '.join(words)})"

    def variable(self, open_: Open) -> str | None:
        return open_.variable

    def around(self, open_: Open) -> tuple[list[str], list[str]]:
        return [], []

    def params(self, params: Params, run: str) -> str:
        return f"wandb.config.update({params.values})"

    def metrics(self, metrics: Metrics, step: str | None, run: str) -> str:
        return f"wandb.log({metrics.values}{f', step={step}' if step else ''})"

    def file(self, file: File, run: str) -> str:
        return f"wandb.run.log_artifact({file.path})" if file.folder else f"wandb.save({file.path})"

    def tags(self, tags: Tags, run: str) -> str:
        return f"wandb.config.update({tags.values})"

    def model(self, model: Model, run: str) -> tuple[str, str] | None:
        return None

    def tag(self, tag: Tag, run: str) -> str:
        return f"wandb.config.update({{{tag.name}: {tag.value}}})"

    def end(self, run: str) -> str:
        return "wandb.finish()"


class _Comet:
    module = "comet_ml"
    with_blocks = False

    def header(self, open_: Open) -> str:
        return f"comet_ml.start({f'project_name={open_.project}' if open_.project else ''})"

    def variable(self, open_: Open) -> str | None:
        return open_.variable or "experiment"

    def around(self, open_: Open) -> tuple[list[str], list[str]]:
        name = self.variable(open_)
        lines = [f"{name}.set_name({open_.name})"] if open_.name else []
        lines += [f'{name}.log_other("notes", {open_.notes})'] if open_.notes else []
        lines += [f"{name}.add_tags({open_.tags})"] if open_.tags else []
        return [], lines

    def params(self, params: Params, run: str) -> str:
        return f"{run}.log_parameters({params.values})"

    def metrics(self, metrics: Metrics, step: str | None, run: str) -> str:
        return f"{run}.log_metrics({metrics.values}{f', step={step}' if step else ''})"

    def file(self, file: File, run: str) -> str:
        return f"{run}.log_asset{'_folder' if file.folder else ''}({file.path})"

    def tags(self, tags: Tags, run: str) -> str:
        return f"{run}.log_others({tags.values})"

    def model(self, model: Model, run: str) -> tuple[str, str] | None:
        module = f"comet_ml.integration.{model.library}"
        if model.library == "pytorch":
            return f"{module}.log_model({run}, {model.model}, {model.name})", module
        return f"{module}.log_model({run}, {model.name}, {model.model})", module

    def tag(self, tag: Tag, run: str) -> str:
        if tag.name == '"name"':
            return f"{run}.set_name({tag.value})"
        return f"{run}.log_other({tag.name}, {tag.value})"

    def end(self, run: str) -> str:
        return f"{run}.end()"


WRITERS: Mapping[str, Writer] = {"mlflow": _MLflow(), "wandb": _Wandb(), "comet": _Comet()}
