"""Made-up data for programs that read a folder: the right shapes and names, always the same bytes.

What known data set classes would download is stood in for by the smoke hooks; this is for what a program is told on its
command line. Standard library only.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Mapping


def _png(width: int, height: int, seed: int) -> bytes:
    """An RGB image of noise over a gradient."""
    draw = random.Random(seed)  # noqa: S311 - made-up data
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            noise = draw.randrange(32)
            rows += bytes(
                ((x * 255 // width + noise) % 256, (y * 255 // height + noise) % 256, (seed * 40 + noise) % 256)
            )

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(rows), 6))
        + chunk(b"IEND", b"")
    )


def imagefolder() -> dict[str, bytes]:
    """Two classes, as torchvision's ImageFolder reads them: train/CLASS/N.png and val/CLASS/N.png, 256 x 256."""
    files = {}
    for part, count in (("train", 8), ("val", 4)):
        for number, name in enumerate(("cat", "dog")):
            for index in range(count):
                files[f"imagefolder/{part}/{name}/{index}.png"] = _png(256, 256, 10 * number + index)
    return files


def images() -> dict[str, bytes]:
    """A folder of pictures of one class, and a style picture."""
    files = {f"images/train/{index}.png": _png(96, 96, index) for index in range(8)}
    return {**files, "images/style.png": _png(96, 96, 99)}


def text() -> dict[str, bytes]:
    """train.txt, valid.txt and test.txt of made-up sentences, words apart by spaces."""
    draw = random.Random(0)  # noqa: S311 - made-up data
    words = ["the", "a", "model", "reads", "learns", "words", "of", "many", "small", "and", "large", "books", "again"]
    files = {}
    for name, lines in (("train", 400), ("valid", 120), ("test", 120)):
        sentences = (" ".join(draw.choice(words) for _ in range(draw.randint(6, 14))) + " ." for _ in range(lines))
        files[f"text/{name}.txt"] = ("\n".join(sentences) + "\n").encode()
    return files


def results() -> dict[str, bytes]:
    """An empty folder that the program writes into."""
    return {"results/.keep": b""}


_VOCABULARY = """\
class Vocab:
    def __init__(self, words):
        self._words = words
        self._places = {word: place for place, word in enumerate(words)}
        self._unknown = None

    def __len__(self):
        return len(self._words)

    def __call__(self, words):
        return [self._places.get(word, self._unknown) for word in words]

    def set_default_index(self, place):
        self._unknown = place

    def lookup_tokens(self, places):
        return [self._words[place] for place in places]


def build_vocab_from_iterator(iterator, min_freq=1, specials=(), special_first=True):
    counts = {}
    for words in iterator:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    words = sorted(word for word, count in counts.items() if count >= min_freq and word not in specials)
    return Vocab([*specials, *words] if special_first else [*words, *specials])
"""
_SENTENCES = """\
from itertools import product

from torch.utils.data import IterableDataset

from . import multi30k

_PLACES = [("im Wald", "in the forest"), ("am Meer", "by the sea"), ("auf dem Berg", "on the hill")]
_ANIMALS = [("Eine Katze", "A cat"), ("Ein Pferd", "A horse"), ("Ein Vogel", "A bird")]
_DEEDS = [("schläft", "sleeps"), ("wartet", "waits")]


class Multi30k(IterableDataset):
    def __init__(self, root=None, split="train", language_pair=("de", "en")):
        pairs = [[f"{a[n]} {d[n]} {p[n]} ." for n in (0, 1)] for a, d, p in product(_ANIMALS, _DEEDS, _PLACES)]
        order = [0, 1] if language_pair[0] == "de" else [1, 0]
        self._pairs = [tuple(pair[n] for n in order) for pair in (pairs if split == "train" else pairs[::4])]

    def __iter__(self):
        return iter(self._pairs)
"""


def torchtext() -> dict[str, bytes]:
    """What a translation program uses of torchtext, whose last release runs with no present torch: words apart by
    spaces, a vocabulary, and made-up sentences for Multi30k."""
    files = {
        "__init__.py": "",
        "data/__init__.py": "",
        "data/utils.py": "def get_tokenizer(tokenizer, language='en'):\n    return str.split\n",
        "datasets/__init__.py": _SENTENCES,
        "datasets/multi30k.py": "URL = {}\n",
        "vocab.py": _VOCABULARY,
    }
    return {f"torchtext/{path}": content.encode() for path, content in files.items()}


STANDINS: Mapping[str, Callable[[], dict[str, bytes]]] = {
    "imagefolder": imagefolder,
    "images": images,
    "text": text,
    "results": results,
    "torchtext": torchtext,
}
