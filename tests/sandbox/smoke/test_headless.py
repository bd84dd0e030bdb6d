from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

PROGRAM = """
import matplotlib.pyplot as plt
loss = 0.12345
figure, axes = plt.subplots()
axes.plot([1, 2], [3, 4], label=f"fit (error {loss:.3f})")
axes.set_title(f"Loss: {loss:.2f}")
plt.suptitle("accuracy\\n%.1f%%" % 91.23)
plt.xlabel("step 3")
plt.show()
"""


def test_numbers_in_plots_are_noted(smoke: Smoke) -> None:
    run = smoke(PROGRAM)
    assert run.code == 0, run.stderr
    assert run.record["texts"] == ["fit (error 0.123)", "Loss: 0.12", "accuracy 91.2%"]
