"""MLflow's registration, as source text: a run at the end, in which a model is logged and registered."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from textwrap import indent

from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.registration.networks import closed, spelled, uses_lambda
from mlops_bot.rewrite.registration.trained import Trained

_MAX_LINE = 100
_RUNS = {
    "new": "with mlflow.start_run():",
    "last": "with mlflow.start_run(run_id=mlflow.last_active_run().info.run_id):",
}
_KERAS_MODEL = '''
class KerasModel(mlflow.pyfunc.PythonModel):
    """The saved model, with what it is made of in this file."""

    def load_context(self, context):
        own = {own}
        self.model = {keras}.saving.load_model(
            context.artifacts[{model}], custom_objects=own, compile=False{safe}
        )

    def predict(self, context, model_input, params=None):
        return self.model.predict(model_input, verbose=0)
'''


_REVIVED = '''
def revived(cls):
    """The class as Keras can make it again: from those of the saved settings that its constructor takes."""
    known = inspect.signature(cls.__init__).parameters

    def from_config(_, config):
        taken = {{name: value for name, value in config.items() if name in known}}
        return cls(**{keras}.saving.deserialize_keras_object(taken))

    return type(cls.__name__, (cls,), {{{method}: classmethod(from_config)}})
'''


class _MLflow:
    title = "MLflow"
    module = "mlflow"
    signed = True

    def accepts(self, name: str) -> bool:
        return bool(name) and not set(name) & set("/:\n")

    def refuses(self, model: Trained) -> str | None:
        return None

    def imports(self, program: Program, models: Sequence[Trained]) -> Sequence[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = [("mlflow", None), ("mlflow.models", "infer_signature")]
        if any(model.files and model.folder for model in models):
            found.append(("pathlib", "Path"))
        if any(_is_own(program, model) for model in models):
            found.append(("tempfile", "TemporaryDirectory"))
            if any(closed(program, name) for model in models for name in model.own):
                found.append(("inspect", None))
        needed = any(_is_own(program, model) or "keras.ops" in str(model.signature) for model in models)
        if needed and spelled(program) == "keras" and "keras" not in program.imports:
            found.append(("keras", None))
        return found

    def logged(self, program: Program, model: str) -> Sequence[ast.Call]:
        return [
            call
            for call in program.calls
            if (dotted(call.func) or "").startswith("mlflow.")
            and (dotted(call.func) or "").endswith(".log_model")
            and call.args
            and ast.unparse(call.args[0]) == model
        ]

    def completion(self, program: Program, model: Trained) -> Mapping[str, str]:
        signature = _signature(model)
        assert model.signature is not None
        return {"registered_model_name": model.named, **({} if model.signature.before else {"signature": signature})}

    def helpers(self, program: Program, models: Sequence[Trained]) -> Sequence[str]:
        own = next((model.own for model in models if _is_own(program, model)), None)
        if own is None:
            return []
        made = [f"revived({name})" if closed(program, name) else name for name in own]
        listed = "{" + ", ".join(f"{program.string(name)}: {code}" for name, code in zip(own, made, strict=True)) + "}"
        if len(listed) > _MAX_LINE - 20:
            listed = (
                listed.replace("{", "{\n            ").replace(", ", ",\n            ").replace("}", ",\n        }")
            )
        safe = ", safe_mode=False" if uses_lambda(program) else ""
        keras = spelled(program)
        helper = _KERAS_MODEL.format(own=listed, keras=keras, model=program.string("model"), safe=safe)
        if made == list(own):
            return [helper]
        return [_REVIVED.format(keras=keras, method=program.string("from_config")), helper]

    def register(self, program: Program, models: Sequence[Trained], run: str) -> str:
        body = "\n".join(_logged(program, model, alone=len(models) == 1) for model in models)
        return f"{_RUNS[run]}\n{indent(body, '    ')}\n" if run in _RUNS else f"{body}\n"


def _logged(program: Program, model: Trained, *, alone: bool) -> str:
    name = program.string("model") if alone else model.named
    assert model.signature is not None
    common = [f"name={name}", f"registered_model_name={model.named}", f"signature={_signature(model)}"]
    statements = list(model.signature.before)
    if _is_own(program, model):
        name = program.free("folder", "model_folder")
        folder = f"with TemporaryDirectory() as {name}:"
        path = program.string(f"{{{name}}}/model.keras")
        artifacts = f"artifacts={{{program.string('model')}: f{path}}}"
        call = _call("mlflow.pyfunc.log_model", ["python_model=KerasModel()", artifacts, *common], 4, wide=True)
        statements.append(f"{folder}\n" + indent(f"{model.model}.save(f{path})\n{call}", "    "))
        return "\n".join(statements)
    flavor = {"sklearn": "sklearn", "keras": "keras", "torch": "pytorch"}[model.kind]
    rest = {"sklearn": "cloudpickle", "torch": "pickle"}.get(model.kind)
    arguments = [model.model, *common]
    if rest is not None:
        arguments.append(f"serialization_format={program.string(rest)}")
    if model.files:
        listed = ", ".join(f"{model.folder}{program.string(file)}{')' if model.folder else ''}" for file in model.files)
        arguments.append(f"code_paths=[{listed}]")
    return "\n".join([*statements, _call(f"mlflow.{flavor}.log_model", arguments, 4, wide=True)])


def _signature(model: Trained) -> str:
    assert model.signature is not None
    return _call("infer_signature", [model.signature.inputs, model.signature.output], 8)


def _call(function: str, arguments: Sequence[str], column: int, *, wide: bool = False) -> str:
    """A call on one line where it fits, else an argument a line."""
    line = f"{function}({', '.join(arguments)})"
    if not wide and "\n" not in line and len(line) + column + 12 <= _MAX_LINE:
        return line
    inner = "".join(f"    {argument},\n" for argument in "\0".join(arguments).replace("\n", "\n    ").split("\0"))
    return f"{function}(\n{inner})"


def _is_own(program: Program, model: Trained) -> bool:
    """A Keras model that consists of what only this file defines."""
    return model.kind == "keras" and (bool(model.own) or uses_lambda(program))


MLFLOW = _MLflow()
