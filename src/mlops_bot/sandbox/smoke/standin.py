"""Stand-in content: deterministic, learnable, made without touching the program's random streams."""

from __future__ import annotations

import zlib
from typing import Any

UNIQUE = 640  # distinct images of a set; a larger set repeats them


def generator(*key: Any) -> Any:
    """A numpy generator of its own for `key`."""
    import numpy

    return numpy.random.RandomState(zlib.crc32(repr(key).encode()))


def labels(count: int, classes: int, *key: Any) -> Any:
    """int64[count]: every class equally often, mixed; the pattern repeats with the images of `images`."""
    import numpy

    unique = max(UNIQUE, classes * 8)
    unique -= unique % classes
    block = numpy.arange(unique, dtype=numpy.int64) % classes
    generator("labels", *key).shuffle(block)
    return numpy.resize(block, count)


def images(count: int, classes: int, size: tuple[int, int, int], *key: Any) -> tuple[Any, Any]:
    """(uint8[count, height, width, channels], int64[count]): a coarse pattern for each class, and noise."""
    import numpy

    height, width, channels = size
    target = labels(count, classes, *key)
    unique = min(count, len(labels(max(UNIQUE, classes * 8), classes)) // classes * classes or count)
    patterns = generator("patterns", classes, size).randint(0, 200, (classes, 4, 4, channels)).astype(numpy.float32)
    rows = numpy.arange(height) * 4 // height
    columns = numpy.arange(width) * 4 // width
    coarse = patterns[target[:unique]][:, rows][:, :, columns]
    noise = generator("noise", size, *key).randint(0, 56, (unique, height, width, channels))
    distinct = (coarse + noise).astype(numpy.uint8)
    repeats = -(-count // max(1, unique))
    content = distinct if repeats == 1 else numpy.tile(distinct, (repeats, 1, 1, 1))
    return content[:count], target


def picture(path: str, label: int = 0, size: tuple[int, int] = (256, 256)) -> Any:
    """A PIL image (RGB) for a file that is not there; the same for the same path and label."""
    import numpy
    from PIL import Image

    width, height = size
    pattern = generator("picture", label % 1000).randint(0, 200, (8, 8, 3))
    coarse = pattern[numpy.arange(height) * 8 // height][:, numpy.arange(width) * 8 // width]
    noise = generator("picture noise", path).randint(0, 56, (height, width, 3))
    return Image.fromarray((coarse + noise).astype(numpy.uint8), "RGB")


def table(count: int, columns: int, *key: Any) -> tuple[Any, Any]:
    """(float64[count, columns], float64[count]): a noisy linear relation."""
    source = generator("table", *key)
    features = source.normal(size=(count, columns))
    target = features @ source.normal(size=columns) + 0.1 * source.normal(size=count)
    return features, target
