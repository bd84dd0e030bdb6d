"""What NNCF 3 cannot prune as it is: a bare nn.Sequential, and parameters inside tuples."""

from __future__ import annotations

import ast

from mlops_bot.rewrite import models
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import FUNCTIONS, Program, dotted
from mlops_bot.rewrite.pruning.place import Place, Trained

_JOINING = {"cat", "concat", "concatenate", "stack", "hstack", "vstack"}
_OF_MODULES = frozenset(
    {
        "add_module", "apply", "buffers", "children", "cpu", "cuda", "double", "eval", "float", "forward", "half",
        "load_state_dict", "module", "modules", "named_buffers", "named_children", "named_modules", "named_parameters",
        "parameters", "register_forward_hook", "requires_grad_", "share_memory", "state_dict", "to", "train",
        "training", "type", "zero_grad",
    }
)  # fmt: skip


def is_sequential(program: Program, place: Place, trained: Trained) -> bool:
    """Made as an nn.Sequential, or as a class of the file that is one and has no forward of its own."""
    starred = "Sequential" in trained.model.made and "Sequential" not in program.classes  # from torch.nn import *
    if starred or "torch.nn.Sequential" in trained.model.made:
        return True
    definitions = [definition for made in trained.model.made for definition in program.classes.get(made, [])]
    own = program.class_of(place.loop) if trained.name == "self" else None
    for definition in [*definitions, *([own] if own is not None else [])]:
        bases = {program.qualified(base) or dotted(base) for base in definition.bases}
        forward = any(isinstance(part, FUNCTIONS) and part.name == "forward" for part in definition.body)
        if "torch.nn.Sequential" in bases and not forward:
            return True
    return False


def why_not_wrapped(program: Program, place: Place, trained: Trained) -> str | None:
    """Why a bare nn.Sequential cannot give way to a module that calls it."""
    name = trained.name
    if name == "self":
        return "the model that trains itself is a bare nn.Sequential: NNCF needs a module around it"
    if is_outside(place, trained) and program.function_of(place.home) is not None:  # type: ignore[arg-type]
        return f"{name} is a bare nn.Sequential of an outer function: NNCF needs a module around it"
    reached = program.reached(place.first)
    for node in program.nodes:
        scope = program.function_of(node)
        if not (program.inside(node, place.first) or scope in reached):
            continue
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            continue
        if dotted(node.value) not in models.visible(program, trained.model, scope):
            continue
        if isinstance(node, ast.Subscript) or node.attr not in _OF_MODULES:
            return f"{name} is a bare nn.Sequential whose layers are used (line {node.lineno})"
    return None


def is_outside(place: Place, trained: Trained) -> bool:
    """Is the model a name that the loop's function only reads?"""
    root = trained.name.partition(".")[0]
    return place.home is not None and root != "self" and root not in models.bound(place.home)


def parameters_in_lists(program: Program, edits: Edits) -> list[str]:
    """`torch.cat((self.token, x))` -> `torch.cat([self.token, x])`: NNCF 3.4 does not follow parameters in tuples."""
    own = _own_tensors(program)
    notes: list[str] = []
    for call in program.calls:
        given = call.args[0] if call.args else None
        name = (program.qualified(call.func) or "").split(".")
        if name[0] != "torch" or name[-1] not in _JOINING or not isinstance(given, ast.Tuple):
            continue
        text = program.source(given)
        if not (own & {dotted(part) for part in given.elts}) or not text.startswith("("):
            continue
        if edits.replace(given, f"[{text[1:-1].rstrip(', ')}]"):
            notes.append(f"NNCF follows parameters in lists only: torch.{name[-1]} gets one (line {call.lineno})")
    return notes


def _own_tensors(program: Program) -> set[str]:
    """Parameters and buffers as the models of the file call them: `self.token`."""
    found: set[str] = set()
    for call in program.calls:
        name = (dotted(call.func) or "").split(".")[-1]
        statement = program.statement_of(call)
        if name == "Parameter" and isinstance(statement, ast.Assign) and statement.value is call:
            found |= {written for target in statement.targets if (written := dotted(target))}
        elif name == "register_buffer" and call.args and isinstance(call.args[0], ast.Constant):
            found.add(f"self.{call.args[0].value!s}")
    return found
