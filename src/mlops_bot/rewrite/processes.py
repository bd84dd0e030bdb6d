"""Training in further processes, where a recipe for one process does not reach."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.program import Program, dotted

SPAWNS = {
    "torch.multiprocessing.spawn": "training runs in processes started by mp.spawn",
    "torch.multiprocessing.Process": "training runs in processes started by mp.Process",
    "multiprocessing.Process": "training runs in processes started by multiprocessing.Process",
    "torch.distributed.init_process_group": "training is distributed over processes (init_process_group)",
    "torch.nn.parallel.DistributedDataParallel": "training is distributed over processes (DistributedDataParallel)",
    "torch.distributed.rpc.init_rpc": "training is distributed over processes (init_rpc)",
}


def spawning(program: Program) -> list[ast.Call]:
    """Calls that start or join several processes."""
    return [call for call in program.calls if program.qualified(call.func) in SPAWNS]


def reason_against(program: Program, spawned: list[ast.Call]) -> str:
    """Why the training cannot be followed, with the line."""
    reasons = [(SPAWNS[program.qualified(call.func) or ""], call.lineno) for call in spawned]
    reason, line = next((item for item in reasons if item[0].startswith("training runs in")), reasons[0])
    return f"{reason} (line {line})"


def spawns_training(program: Program) -> str | None:
    """Why a file that trains nothing itself starts processes that do."""
    for call in program.calls:
        reason = SPAWNS.get(program.qualified(call.func) or "")
        if reason is not None and reason.startswith("training runs in"):
            return f"{reason} (line {call.lineno})"
    return None


def in_this_process(program: Program, spawned: list[ast.Call]) -> ast.stmt | None:
    """`if distributed: mp.spawn(worker, ...) else: worker(...)`: the direct call.

    All else that needs several processes has to stand under a condition too.
    """
    for call in spawned:
        workers = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg in ("fn", "target"))]
        choice = next((above for above in program.ancestors(call) if isinstance(above, ast.If)), None)
        if choice is None:
            return None
        if not (program.qualified(call.func) or "").endswith((".spawn", ".Process")):
            continue
        suite = choice.orelse if any(program.inside(call, part) for part in choice.body) else choice.body
        for worker in workers:
            for part in suite:
                direct = isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)
                if direct and isinstance(worker, ast.Name) and dotted(part.value.func) == worker.id:  # type: ignore[attr-defined]
                    return part if _all_conditional(program, spawned) else None
    return None


def _all_conditional(program: Program, calls: list[ast.Call]) -> bool:
    return all(any(isinstance(above, ast.If) for above in program.ancestors(call)) for call in calls)
