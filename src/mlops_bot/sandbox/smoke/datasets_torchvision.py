"""Stand-ins for torchvision data sets whose files are not there: the originals' sizes, shapes, types and classes.

The classes keep their code (`__getitem__`, transforms, `classes`); only what they would have read from files is new.
"""

from __future__ import annotations

import inspect
import os
from typing import Any, Callable

from . import standin
from .hooks import Hooks, patch

CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
PIXELS = 4_000_000  # of a whole FakeData set
FOLDER_IMAGES, FOLDER_CLASSES = 16, 2
MANY = {  # data sets of image files, and how many classes they have
    "Flowers102": 102,
    "Food101": 101,
    "FGVCAircraft": 100,
    "DTD": 47,
    "GTSRB": 43,
    "StanfordCars": 196,
    "OxfordIIITPet": 37,
    "Caltech101": 101,
    "Caltech256": 257,
    "EuroSAT": 10,
    "PCAM": 2,
    "FER2013": 7,
    "Imagenette": 10,
    "SUN397": 397,
    "CelebA": 8,  # eight patterns of its 40 attributes
}
MISSING = (RuntimeError, FileNotFoundError, OSError)


def install(hooks: Hooks) -> None:
    hooks.after_import("torchvision.datasets", lambda module: _datasets(hooks, module))


def _datasets(hooks: Hooks, module: Any) -> None:
    for name, build in BUILDERS.items():
        if hasattr(module, name):
            _serve(hooks, getattr(module, name), build)
    for name in MANY:
        if hasattr(module, name):
            _serve(hooks, getattr(module, name), _pictures)
            patch(getattr(module, name), "__getitem__", _item)
            patch(getattr(module, name), "__len__", _length)
    known = tuple(getattr(module, name) for name in (*BUILDERS, *MANY, "FakeData") if hasattr(module, name))
    for name in getattr(module, "__all__", ()):
        owner = getattr(module, name)
        if isinstance(owner, type) and name != "VisionDataset" and not issubclass(owner, known):
            patch(owner, "__init__", _unknown_maker(hooks, name))
    patch(module.FakeData, "__init__", lambda original: _fake(hooks, original))


def _serve(hooks: Hooks, owner: Any, build: Callable[..., None]) -> None:
    """Let `owner.__init__` fall back on `build(self, arguments)` where the files are missing."""
    if "__init__" not in owner.__dict__:
        return
    signature = inspect.signature(owner.__init__)

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            given = {key: value for key, value in bound.arguments.items() if key != "self"}
            extra = given.pop("kwargs", {})
            given.update(extra)
            wanted = given.get("download")
            if "download" in given:
                given["download"] = False  # what is there is used; nothing is fetched
            try:
                original(self, **given)
                return
            except MISSING as error:
                if not _is_missing(error, owner, given):
                    raise
            given["download"] = wanted
            for name in ("transform", "target_transform", "transforms"):
                given.setdefault(name, None)
            _base(self, given)
            build(self, given)
            detail = f"{len(self)} made-up examples; --data for real"
            hooks.note("stand-in", f"torchvision {type(self).__name__}", detail)

        return wrapper

    patch(owner, "__init__", make)


def _unknown_maker(hooks: Hooks, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda original: _unknown(hooks, name, original)


def _unknown(hooks: Hooks, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, *args, **kwargs)
        except MISSING:
            hooks.note("unavailable", f"torchvision {name}", "not among the stand-ins: pass the data with --data DIR")
            raise

    return wrapper


def _is_missing(error: BaseException, owner: Any, given: dict[str, Any]) -> bool:
    if isinstance(error, FileNotFoundError):
        root = str(given.get("root", ""))
        return owner.__name__ != "DatasetFolder" or not (os.path.isdir(root) and os.listdir(root))
    return "not found" in str(error).lower() or "corrupted" in str(error).lower() or "download" in str(error).lower()


def _base(self: Any, given: dict[str, Any]) -> None:
    from torchvision.datasets.vision import VisionDataset

    if given["transforms"] is not None:
        VisionDataset.__init__(self, given.get("root"), transforms=given["transforms"])
    else:
        VisionDataset.__init__(
            self, given.get("root"), transform=given["transform"], target_transform=given["target_transform"]
        )


def _train(given: dict[str, Any]) -> bool:
    if "train" in given:
        return bool(given["train"])
    return str(given.get("split", "train")).startswith(("train", "unlabeled"))


def _mnist(self: Any, given: dict[str, Any]) -> None:
    import torch

    self.train = _train(given)
    classes, first = 10, 0
    count = 60000 if self.train else 10000
    if hasattr(type(self), "classes_split_dict"):  # EMNIST
        self.split = given.get("split") or self.split
        self.training_file, self.test_file = self._training_file(self.split), self._test_file(self.split)
        self.classes = self.classes_split_dict[self.split]
        classes, first = len(self.classes), 1 if self.split == "letters" else 0
        classes -= first
        count = classes * (400 if self.train else 80)
    data, targets = standin.images(count, classes, (28, 28, 1), type(self).__name__, self.train)
    self.data, self.targets = torch.from_numpy(data[..., 0].copy()), torch.from_numpy(targets + first)


def _cifar(self: Any, given: dict[str, Any]) -> None:
    self.train = _train(given)
    classes = 100 if hasattr(self, "base_folder") and "100" in self.base_folder else 10
    self.data, targets = standin.images(50000 if self.train else 10000, classes, (32, 32, 3), "cifar", self.train)
    self.targets = targets.tolist()
    self.classes = CIFAR10[:] if classes == 10 else [f"class_{index:02d}" for index in range(classes)]
    self.class_to_idx = {name: index for index, name in enumerate(self.classes)}


def _svhn(self: Any, given: dict[str, Any]) -> None:
    self.split = given["split"]
    count = {"train": 73257, "test": 26032}.get(self.split, 73257)
    data, self.labels = standin.images(count, 10, (32, 32, 3), "svhn", self.split)
    self.data = data.transpose(0, 3, 1, 2)


def _stl10(self: Any, given: dict[str, Any]) -> None:
    self.split, self.folds = given["split"], given.get("folds")
    count = {"train": 5000, "test": 8000}.get(self.split, 6000)
    data, self.labels = standin.images(count, 10, (96, 96, 3), "stl10", self.split)
    if self.split == "unlabeled":
        self.labels = self.labels * 0 - 1
    self.data = data.transpose(0, 3, 1, 2)
    self.classes = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
    self.class_to_idx = {name: index for index, name in enumerate(self.classes)}


def _usps(self: Any, given: dict[str, Any]) -> None:
    count = 7291 if _train(given) else 2007
    data, targets = standin.images(count, 10, (16, 16, 1), "usps", _train(given))
    self.data, self.targets = data[..., 0], targets.tolist()


def _folder(self: Any, given: dict[str, Any]) -> None:
    self.loader, self.extensions = _load, given.get("extensions")
    self.classes = [f"class_{index}" for index in range(FOLDER_CLASSES)]
    self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
    root = str(given["root"])
    self.samples = [
        (os.path.join(root, self.classes[index % FOLDER_CLASSES], f"{index:04d}.jpeg"), index % FOLDER_CLASSES)
        for index in sorted(range(FOLDER_IMAGES), key=lambda index: index % FOLDER_CLASSES)
    ]
    self.targets = [target for _, target in self.samples]
    self.imgs = self.samples


def _load(path: str) -> Any:
    folder = os.path.basename(os.path.dirname(path))
    digits = "".join(letter for letter in folder if letter.isdigit())
    return standin.picture(path, int(digits or 0))


def _imagenet(self: Any, given: dict[str, Any]) -> None:
    self.split = given["split"]
    self.loader, self.extensions = _load, None
    self.wnids = [f"n{index:08d}" for index in range(1000)]
    self.classes = [(f"class {index}",) for index in range(1000)]
    self.wnid_to_idx = {name: index for index, name in enumerate(self.wnids)}
    self.class_to_idx = {names[0]: index for index, names in enumerate(self.classes)}
    root = str(given["root"])
    self.samples = [
        (os.path.join(root, self.split, self.wnids[index * 61 % 1000], f"{index}.jpeg"), index * 61 % 1000)
        for index in range(FOLDER_IMAGES)
    ]
    self.targets = [target for _, target in self.samples]
    self.imgs = self.samples


def _pictures(self: Any, given: dict[str, Any]) -> None:
    """Data sets of image files that keep `_image_files` and `_labels`, or `_samples`."""
    name = next(cls.__name__ for cls in type(self).__mro__ if cls.__name__ in MANY)
    self._split = given.get("split", "train")
    count = max(4 * MANY[name], 256)
    targets = standin.labels(count, MANY[name], name, self._split).tolist()
    self.classes = [f"class_{index}" for index in range(MANY[name])]
    self.class_to_idx = {text: index for index, text in enumerate(self.classes)}
    self._made_up = targets
    if name == "CelebA":
        self._attributes = True


def _item(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(self: Any, index: int) -> Any:
        if not hasattr(self, "_made_up"):
            return original(self, index)
        label = self._made_up[index]
        image = standin.picture(f"{type(self).__name__}/{index}", label)
        image = image if self.transform is None else self.transform(image)
        target = _attributes(label) if hasattr(self, "_attributes") else label
        return image, target if self.target_transform is None else self.target_transform(target)

    return wrapper


def _attributes(label: int) -> Any:
    import torch

    return torch.from_numpy(standin.generator("attributes", label).randint(0, 2, 40))


def _length(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(self: Any) -> int:
        return len(self._made_up) if hasattr(self, "_made_up") else int(original(self))

    return wrapper


def _fake(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        pixels = 1
        for side in self.image_size:
            pixels *= int(side)
        limit = max(16, PIXELS // max(1, pixels))
        if self.size > limit:
            hooks.note("limit", "torchvision FakeData", f"{self.size} -> {limit} examples")
            self.size = limit

    return wrapper


BUILDERS: dict[str, Callable[..., None]] = {
    "MNIST": _mnist,
    "EMNIST": _mnist,
    "CIFAR10": _cifar,
    "SVHN": _svhn,
    "STL10": _stl10,
    "USPS": _usps,
    "ImageNet": _imagenet,
    "DatasetFolder": _folder,
}
