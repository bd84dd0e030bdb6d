"""Understanding one training file, purely from its text: `analyse(path, text) -> SourceFacts`.

program.py   the index over the tree          resolve.py   what names and values are
training.py  where and with what it trains    reach.py     call graph and entry point
loops.py     epoch and batch loops            metrics.py   numbers the program shows (messages.py: from its texts)
hyperparameters.py, parts.py (models, optimizers, third-party modules), families.py (tables)

Nothing is run or imported. What cannot be told is said in `unsure`, in words.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from mlops_bot.errors import UserError
from mlops_bot.source import hyperparameters, metrics, parts, reach, training
from mlops_bot.source.loops import Loops
from mlops_bot.source.program import Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.types import Definition, SourceFacts

__all__ = ["analyse"]


def analyse(path: str, text: str, *, local_modules: AbstractSet[str] = frozenset()) -> SourceFacts:
    """What can be told about one file. `local_modules`: top-level modules of the project itself.

    Raises UserError for text that is no Python, naming path, line and message.
    """
    try:
        return _analyse(path, text, frozenset(local_modules))
    except RecursionError:
        raise UserError(
            f"{path}: is nested too deeply to be analysed", hint="split its longest expression into several statements"
        ) from None


def _analyse(path: str, text: str, local_modules: frozenset[str]) -> SourceFacts:
    program = Program(path, text)
    resolver = Resolver(program)
    found = training.find(program, resolver)
    framework, reasons, unsure = training.choose(found)
    chosen = [e for e in found.evidence if e.framework == framework]
    calls = [e.node for e in found.evidence]
    reached = reach.Reach(program, resolver)
    entry = reach.entry_point(program, resolver, reached, calls)
    is_training, why, doubts = parts.judge(program, resolver, found, framework, reached, local_modules)
    loops = Loops(program, resolver, [e.node for e in found.evidence if e.step], [e.node for e in chosen if not e.step])
    entry_function = entry.function
    settings, unread = hyperparameters.find(program, resolver, entry_function)
    epochs, epoch_doubts = parts.epochs(program, resolver, loops, chosen)
    shown = metrics.find(program, resolver, loops)
    unsure += [*found.weak, *doubts, *unread, *epoch_doubts]
    unsure += [f"line {line}: names come from `from {module} import *`" for module, line in program.stars]
    return SourceFacts(
        path=path,
        is_training=is_training,
        framework=framework or parts.imported_framework(program),
        reasons=(*reasons, *why),
        imports=dict(program.imports),
        third_party=parts.third_party(program, local_modules),
        entry_point=entry,
        models=tuple(parts.models(program, resolver)),
        optimizers=tuple(parts.optimizers(program, resolver)),
        loops=loops.loops(),
        epochs=epochs,
        metrics=tuple(shown),
        hyperparameters=tuple(settings),
        calls=tuple(
            Definition(program.source(call.func), name, call.lineno) for call, name in resolver.targets.items()
        ),
        unsure=tuple(unsure),
    )
