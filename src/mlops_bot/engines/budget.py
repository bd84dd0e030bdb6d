"""The cost cap: money that was spent, and whether the next call could go beyond what is allowed."""

from __future__ import annotations

from mlops_bot.engines.pricing import Price
from mlops_bot.errors import CostCapReached, EngineRefusedError


class Budget:
    """US dollars. One Budget may be shared by several engines, so that one cap covers a whole command."""

    def __init__(self, cap: float | None = None) -> None:
        self.cap = cap
        self.spent = 0.0

    def samples(self, price: Price | None, *, prompt: int, output: int, wanted: int, model: str) -> int:
        """How many of `wanted` samples, each at its worst (`prompt` and `output` tokens), stay within the cap.

        Raises CostCapReached when not even one does, EngineError when there is a cap but no price to check it with.
        """
        if self.cap is None:
            return wanted
        if price is None:
            raise EngineRefusedError(
                f"--max-cost is set, but the price of {model} is not known, so the cap cannot be kept",
                hint="give the price with --price IN,OUT (US dollars for a million input and output tokens), "
                "or leave --max-cost out",
            )
        # A server may bill the prompt once a sample (several calls) or once a call; the first is the worst case.
        worst = price.cost(prompt, output)
        left = self.cap - self.spent
        fitting = wanted if worst * wanted <= left else int(left / worst) if left > 0 else 0
        if fitting < 1:
            raise CostCapReached(
                f"the next call to {model} could cost {_dollars(worst)} (up to {prompt} input and {output} output "
                f"tokens); {_dollars(self.spent)} of --max-cost {_dollars(self.cap)} are spent",
                hint="raise --max-cost, ask for fewer samples, or choose a cheaper --model",
            )
        return fitting

    def charge(self, cost: float | None) -> None:
        self.spent += cost or 0.0


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.4f}"
