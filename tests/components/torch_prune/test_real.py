"""The recipe's rewrites, run for real: each is verified, with the sparsity that it asks for in what it saves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.components.judging import Judge
from tests.components.recipes import PYTORCH, adapted, read

from mlops_bot.types import Passed

KINDS = ["pytorch_gan_dcgan_style", "pytorch_language_model"]


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PYTORCH if path.stem in KINDS], ids=lambda path: path.stem)
def test_the_rewrite_is_verified(path: Path, tmp_path: Path) -> None:
    text = read(path)
    verdict = Judge("torch-prune", text, tmp_path)(adapted("torch-prune", text))
    assert isinstance(verdict, Passed), verdict
    saved = verdict.evidence["component"]["saved"]
    shares = [share for file in saved for _, shape, share in file["tensors"] if shape[0] * shape[1] >= 100]
    assert all(0.45 <= share <= 0.55 for share in shares if share)
