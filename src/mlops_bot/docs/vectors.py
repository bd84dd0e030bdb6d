"""Nearest vectors without a server: one bit a dimension finds a few hundred, their exact vectors decide. Needs numpy
(extra `vectors`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

_RESCORED = 300  # candidates by bits that are compared exactly


def available() -> bool:
    return importlib.util.find_spec("numpy") is not None


def packed(vectors: Sequence[Sequence[float]]) -> tuple[list[bytes], bytes]:
    """Vectors of length 1 as they are stored: half precision each, and the sign bits of all."""
    import numpy as np

    matrix = np.asarray(vectors, dtype=np.float32)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    exact = matrix.astype("<f2")
    return [row.tobytes() for row in exact], _bits(matrix).tobytes()


def unpacked(vector: bytes) -> list[float]:
    import numpy as np

    found: list[float] = np.frombuffer(vector, dtype="<f2").astype(np.float32).tolist()
    return found


class Bits:
    """The sign bits of an index's vectors; row n belongs to the passage with the number n + 1."""

    def __init__(self, blobs: Sequence[bytes], dimensions: int) -> None:
        import numpy as np

        width = -(-dimensions // 64)
        self._rows = np.frombuffer(b"".join(blobs), dtype="<u8").reshape(-1, width)

    def nearest(self, query: Sequence[float], exact: Callable[[list[int]], dict[int, bytes]], limit: int) -> list[int]:
        """Numbers of the nearest passages, nearest first. `exact` gives the stored vectors of some."""
        import numpy as np

        vector = np.asarray(query, dtype=np.float32)
        count = max(_RESCORED, limit)
        distance = np.bitwise_count(self._rows ^ _bits(vector[None, :])).sum(axis=1, dtype=np.uint16)
        if len(distance) > count:
            candidates = np.argpartition(distance, count)[:count]
        else:
            candidates = np.arange(len(distance))
        stored = exact([int(number) + 1 for number in candidates])
        numbers = np.fromiter(stored, dtype=np.int64, count=len(stored))
        if not len(numbers):
            return []
        rows = np.frombuffer(b"".join(stored.values()), dtype="<f2").reshape(len(numbers), -1).astype(np.float32)
        order = np.argsort(-(rows @ vector), kind="stable")[:limit]
        return [int(number) for number in numbers[order]]


def _bits(matrix: Any) -> Any:
    """Sign bits as 64-bit words, the last one filled up with zeros."""
    import numpy as np

    bits = np.packbits(matrix > 0, axis=1)
    short = -bits.shape[1] % 8
    if short:
        bits = np.pad(bits, ((0, 0), (0, short)))
    return np.ascontiguousarray(bits).view("<u8")
