"""W&B's registration, as source text: a model artifact that a run logs, linked to a registered model.

The file is what loads anywhere: the weights of a PyTorch module or of a Keras model with classes of the script, a Keras
model otherwise, a scikit-learn estimator by joblib.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.registration.networks import uses_lambda
from mlops_bot.rewrite.registration.trained import Trained


@dataclass(frozen=True)
class Wandb:
    """`project`: where runs go that registration opens."""

    project: str | None = None
    title: str = "W&B"
    module: str = "wandb"
    signed: bool = False

    def accepts(self, name: str) -> bool:
        return bool(re.fullmatch(r"[A-Za-z0-9_.-]+", name))

    def refuses(self, model: Trained) -> str | None:
        if model.kind == "sklearn" and model.own:
            return f"a pickle only names {model.own[0]}, which this file defines, so that it loads nowhere else"
        return None

    def imports(self, program: Program, models: Sequence[Trained]) -> Sequence[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = [("wandb", None)]
        kinds = {model.kind for model in models}
        if "sklearn" in kinds:
            found.append(("joblib", None))
        if "torch" in kinds and "torch" not in program.imports:
            found.append(("torch", None))
        if "keras" in kinds:
            found.append(("tempfile", "TemporaryDirectory"))
        return found

    def helpers(self, program: Program, models: Sequence[Trained]) -> Sequence[str]:
        return []

    def logged(self, program: Program, model: str) -> Sequence[ast.Call]:
        return []

    def completion(self, program: Program, model: Trained) -> Mapping[str, str]:
        return {}

    def register(self, program: Program, models: Sequence[Trained], run: str) -> str:
        name = program.free("run", "wandb_run") if run != "open" else "wandb.run"
        body = "\n".join(_logged(program, model, name) for model in models)
        if run == "open":
            return f"{body}\n"
        arguments = [f"project={program.string(self.project)}"] if self.project else []
        arguments.append(f"job_type={program.string('register-model')}")
        return f"with wandb.init({', '.join(arguments)}) as {name}:\n{indent(body, '    ')}\n"


def _logged(program: Program, model: Trained, run: str) -> str:
    artifact, file = program.free("artifact", "model_artifact"), program.free("file", "model_file")
    lines = [f"{artifact} = wandb.Artifact({model.named}, type={program.string('model')})"]
    opened = f"with {artifact}.new_file({{}}, mode={program.string('wb')}) as {file}:"
    if model.kind == "torch":
        lines.append(opened.format(program.string("model.pt")))
        lines.append(f"    torch.save({model.model}.state_dict(), {file})")
    elif model.kind == "sklearn":
        lines.append(opened.format(program.string("model.joblib")))
        lines.append(f"    joblib.dump({model.model}, {file})")
    else:
        own = bool(model.own) or uses_lambda(program)
        folder = program.free("folder", "model_folder")
        path = program.string(f"{{{folder}}}/model.{'weights.h5' if own else 'keras'}")
        lines.append(f"with TemporaryDirectory() as {folder}:")
        lines.append(f"    {model.model}.{'save_weights' if own else 'save'}(f{path})")
        lines.append(f"    {artifact}.add_file(f{path})")
    lines.append(f"{run}.log_artifact({artifact})")
    lines.append(f"if not {run}.offline:  # a link is made by the server")
    lines.append(f"    {run}.link_artifact({artifact}, {_target(program, model)})")
    return "\n".join(lines)


def _target(program: Program, model: Trained) -> str:
    try:
        named = ast.literal_eval(model.named)
    except ValueError:
        return f"f{program.string('wandb-registry-model/{' + model.named + '}')}"
    return program.string(f"wandb-registry-model/{named}")
