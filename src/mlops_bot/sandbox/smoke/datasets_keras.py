"""Stand-ins for `keras.datasets` (tf.keras too) and for the weights of `keras.applications`."""

from __future__ import annotations

import os
from typing import Any, Callable

from . import standin
from .hooks import Hooks, patch

PREFIXES = ("keras.src.datasets", "keras.datasets")
MADE_UP = "smoke-initial-weights"


def install(hooks: Hooks) -> None:
    for prefix in PREFIXES:
        for name, build in BUILDERS.items():
            hooks.after_import(f"{prefix}.{name}", _server(hooks, name, build))
    hooks.after_import("keras.src.utils.file_utils", lambda module: _files(hooks, module))
    hooks.after_import("keras", _weights)


def _server(hooks: Hooks, name: str, build: Callable[..., Any]) -> Callable[[Any], None]:
    return lambda module: _serve(hooks, module, name, build)


def _serve(hooks: Hooks, module: Any, name: str, build: Callable[..., Any]) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def load_data(*args: Any, **kwargs: Any) -> Any:
            if _cached(name):
                return original(*args, **kwargs)
            hooks.note("stand-in", f"keras.datasets.{name}", "made-up examples of the original's shape")
            return build(*args, **kwargs)

        return load_data

    patch(module, "load_data", make)
    if hasattr(module, "get_word_index"):
        patch(module, "get_word_index", lambda original: _word_index)


def _cached(name: str) -> bool:
    folder = os.path.join(os.environ.get("KERAS_HOME", os.path.join(os.path.expanduser("~"), ".keras")), "datasets")
    try:
        return any(entry.startswith((name, name.replace("_", "-"))) for entry in os.listdir(folder))
    except OSError:
        return False


def _word_index(*_args: Any, **_kwargs: Any) -> dict[str, int]:
    return {f"word{index}": index for index in range(1, 10001)}


def _mnist(key: str) -> Callable[..., Any]:
    def load(*_args: Any, **_kwargs: Any) -> Any:
        train, train_labels = standin.images(60000, 10, (28, 28, 1), key, True)
        test, test_labels = standin.images(10000, 10, (28, 28, 1), key, False)
        return (train[..., 0], train_labels.astype("uint8")), (test[..., 0], test_labels.astype("uint8"))

    return load


def _cifar(classes: int) -> Callable[..., Any]:
    def load(label_mode: str = "fine") -> Any:
        count = 20 if label_mode == "coarse" else classes
        train, train_labels = standin.images(50000, count, (32, 32, 3), "cifar", True)
        test, test_labels = standin.images(10000, count, (32, 32, 3), "cifar", False)
        kind = "uint8" if classes == 10 else "int64"
        return (train, train_labels.astype(kind)[:, None]), (test, test_labels.astype(kind)[:, None])

    return load


def _texts(classes: int, train: int, test: int) -> Callable[..., Any]:
    def load(
        path: str = "",
        num_words: int | None = None,
        skip_top: int = 0,
        maxlen: int | None = None,
        test_split: float = 0.2,
        seed: int = 113,
        start_char: int | None = 1,
        oov_char: int | None = 2,
        index_from: int = 3,
        **_: Any,
    ) -> Any:
        import numpy

        source = standin.generator("texts", classes)
        highest = min(num_words or 10000, 10000)
        parts = []
        for count in (train, test):
            target = source.randint(0, classes, count)
            lengths = source.randint(20, 60, count)
            words = source.randint(4 + index_from, max(highest, 6 + index_from), int(lengths.sum()))
            texts, start = numpy.empty(count, dtype=object), 0
            for index, length in enumerate(lengths):
                text = words[start : start + length].tolist()
                text[: length // 2] = [4 + index_from - 1 + int(target[index]) % max(1, highest - 8)] * (length // 2)
                texts[index] = ([start_char] if start_char is not None else []) + text
                start += length
            parts.append((texts, target.astype(numpy.int64)))
        return parts[0], parts[1]

    return load


def _houses(count: int, columns: int, scale: float) -> Callable[..., Any]:
    def load(*_args: Any, **kwargs: Any) -> Any:
        features, target = standin.table(count, columns, "houses", columns)
        target = scale * (5 + target)
        split = int(count * (1 - kwargs.get("test_split", 0.2)))
        return (features[:split], target[:split]), (features[split:], target[split:])

    return load


BUILDERS: dict[str, Callable[..., Any]] = {
    "mnist": _mnist("mnist"),
    "fashion_mnist": _mnist("fashion"),
    "cifar10": _cifar(10),
    "cifar100": _cifar(100),
    "imdb": _texts(2, 25000, 25000),
    "reuters": _texts(46, 8982, 2246),
    "boston_housing": _houses(506, 13, 4.5),
    "california_housing": _houses(20640, 8, 41000.0),
}


def _files(hooks: Hooks, module: Any) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def get_file(fname: Any = None, origin: Any = None, *args: Any, **kwargs: Any) -> Any:
            url = str(origin or "")
            if "/keras-applications/" in url and url.endswith((".h5", ".keras")):
                name = os.path.basename(url)
                hooks.note("stand-in", f"weights {name}", "initial weights instead of the pretrained ones")
                return MADE_UP
            return original(fname, origin, *args, **kwargs)

        return get_file

    patch(module, "get_file", make)


def _weights(module: Any) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def load_weights(self: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
            return None if filepath == MADE_UP else original(self, filepath, *args, **kwargs)

        return load_weights

    patch(module.Model, "load_weights", make)
