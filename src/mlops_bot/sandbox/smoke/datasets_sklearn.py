"""Stand-ins for `sklearn.datasets.fetch_*`; OpenML is in datasets_openml.py."""

from __future__ import annotations

from typing import Any, Callable

from . import datasets_openml, standin
from .hooks import Hooks, patch

NEWSGROUPS = [
    "alt.atheism",
    "comp.graphics",
    "comp.os.ms-windows.misc",
    "comp.sys.ibm.pc.hardware",
    "comp.sys.mac.hardware",
    "comp.windows.x",
    "misc.forsale",
    "rec.autos",
    "rec.motorcycles",
    "rec.sport.baseball",
    "rec.sport.hockey",
    "sci.crypt",
    "sci.electronics",
    "sci.med",
    "sci.space",
    "soc.religion.christian",
    "talk.politics.guns",
    "talk.politics.mideast",
    "talk.politics.misc",
    "talk.religion.misc",
]
HOUSING = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]


def install(hooks: Hooks) -> None:
    hooks.after_import("sklearn.datasets", lambda module: _datasets(hooks, module))


def _datasets(hooks: Hooks, module: Any) -> None:
    for name, build in BUILDERS.items():
        if hasattr(module, name):
            patch(module, name, lambda original, build=build, name=name: _serving(hooks, name, original, build))
    for name in ("fetch_kddcup99", "fetch_rcv1", "fetch_species_distributions", "fetch_file"):
        if hasattr(module, name):
            patch(module, name, lambda original, name=name: _failing(hooks, name, original))


def _serving(hooks: Hooks, name: str, original: Callable[..., Any], build: Callable[..., Any]) -> Callable[..., Any]:
    def fetch(*args: Any, **kwargs: Any) -> Any:
        try:  # the files may be there
            if name == "fetch_openml":
                return original(*args, **{**kwargs, "n_retries": 1, "delay": 0.01})
            return original(*args, **{**kwargs, "download_if_missing": False})
        except (OSError, ValueError) as error:
            result = build(*args, **kwargs)
            what = f"sklearn.datasets.{name}"
            if name == "fetch_openml":
                what += f" {args[0] if args else kwargs.get('name') or kwargs.get('data_id')}"
            if result is None:
                hooks.note("unavailable", what, "not among the stand-ins: pass the data with --data DIR")
                raise error
            hooks.note("stand-in", what, "made-up examples of the original's shape; --data for real")
            return result

    return fetch


def _failing(hooks: Hooks, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def fetch(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **{**kwargs, "n_retries": 1} if name != "fetch_file" else kwargs)
        except OSError:
            hooks.note("unavailable", f"sklearn.datasets.{name}", "needs the network: pass the data with --data DIR")
            raise

    return fetch


def bunch(data: Any, target: Any, *, return_X_y: bool = False, **more: Any) -> Any:
    from sklearn.utils import Bunch

    return (data, target) if return_X_y else Bunch(data=data, target=target, DESCR="stand-in", **more)


def _frame(data: Any, target: Any, names: list[str], target_name: str, as_frame: bool) -> tuple[Any, Any, Any]:
    if not as_frame:
        return data, target, None
    import pandas

    frame = pandas.DataFrame(data, columns=names)
    column = pandas.Series(target, name=target_name)
    return frame, column, pandas.concat([frame, column], axis=1)


def _california(*, return_X_y: bool = False, as_frame: bool = False, **_: Any) -> Any:
    import numpy

    data, target = standin.table(20640, 8, "california")
    data = numpy.abs(data) * [3.9, 28, 5.4, 1.1, 1400, 3, 0, 0] + [0, 1, 1, 0.5, 3, 0.7, 0, 0]
    place = standin.generator("california place").uniform(size=(20640, 2))
    data[:, 6:] = place * [9.4, 10.0] + [32.5, -124.3]
    target = numpy.clip(2.07 + 0.4 * target, 0.15, 5.0)
    data, target, frame = _frame(data, target, HOUSING, "MedHouseVal", as_frame)
    more = {"frame": frame, "feature_names": HOUSING[:], "target_names": ["MedHouseVal"]}
    return bunch(data, target, return_X_y=return_X_y, **more)


def _olivetti(*, shuffle: bool = False, random_state: Any = 0, return_X_y: bool = False, **_: Any) -> Any:
    import numpy
    from sklearn.utils import check_random_state

    faces, target = standin.images(400, 40, (64, 64, 1), "olivetti")
    order = numpy.argsort(target, kind="stable")
    if shuffle:
        order = order[check_random_state(random_state).permutation(400)]
    images = (faces[order, ..., 0] / 255).astype(numpy.float32)
    return bunch(images.reshape(400, -1), target[order], return_X_y=return_X_y, images=images)


def _people(
    *,
    resize: float | None = 0.5,
    min_faces_per_person: int = 0,
    color: bool = False,
    return_X_y: bool = False,
    **_: Any,
) -> Any:
    import numpy

    height, width = int(125 * (resize or 1)), int(94 * (resize or 1))
    people, each = (7, 32) if min_faces_per_person else (40, 20)
    faces, target = standin.images(people * each, people, (height, width, 3 if color else 1), "people")
    images = (faces if color else faces[..., 0]).astype(numpy.float32) / 255
    names = numpy.array([f"Person {index}" for index in range(people)])
    data = images.reshape(len(images), -1)
    return bunch(data, target, return_X_y=return_X_y, images=images, target_names=names)


def _covtype(
    *, shuffle: bool = False, random_state: Any = None, return_X_y: bool = False, as_frame: bool = False, **_: Any
) -> Any:
    import numpy

    count = 20000
    data, score = standin.table(count, 54, "covtype")
    data[:, :10] = numpy.round(numpy.abs(data[:, :10]) * 1000)
    data[:, 10:] = data[:, 10:] > 1
    target = (numpy.digitize(score, numpy.quantile(score, [0.36, 0.85, 0.91, 0.92, 0.94, 0.97])) + 1).astype(
        numpy.int32
    )
    names = [f"feature_{index}" for index in range(54)]
    data, target, frame = _frame(data, target, names, "Cover_Type", as_frame)
    more = {"frame": frame, "feature_names": names, "target_names": ["Cover_Type"]}
    return bunch(data, target, return_X_y=return_X_y, **more)


def _newsgroups(
    *, subset: str = "train", categories: Any = None, return_X_y: bool = False, shuffle: bool = True, **_: Any
) -> Any:
    import numpy

    names = [name for name in NEWSGROUPS if categories is None or name in set(categories)]
    count = {"train": 60, "test": 40}.get(subset, 100) * len(names)
    source = standin.generator("newsgroups", subset)
    target = numpy.arange(count) % max(1, len(names))
    if shuffle:
        source.shuffle(target)
    texts = []
    for label in target:
        topic = names[label].replace(".", " ").replace("-", " ").split()
        own = [f"{topic[-1]}{number}" for number in source.randint(0, 20, 25)]
        common = [f"word{number}" for number in source.randint(0, 300, 60)]
        words = numpy.array(topic * 3 + own + common)
        source.shuffle(words)
        texts.append("From: someone@example.org\nSubject: " + " ".join(words[:6]) + "\n\n" + " ".join(words) + ".\n")
    files = numpy.array([f"{names[label]}/{index}" for index, label in enumerate(target)])
    return bunch(texts, target, return_X_y=return_X_y, target_names=names, filenames=files)


def _vectorized(*, subset: str = "train", return_X_y: bool = False, **_: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, part = _newsgroups(subset="train"), _newsgroups(subset=subset)
    vectorizer = TfidfVectorizer().fit(train.data)
    names = vectorizer.get_feature_names_out()
    more = {"frame": None, "target_names": part.target_names, "feature_names": names}
    return bunch(vectorizer.transform(part.data), part.target, return_X_y=return_X_y, **more)


BUILDERS: dict[str, Callable[..., Any]] = {
    "fetch_california_housing": _california,
    "fetch_olivetti_faces": _olivetti,
    "fetch_lfw_people": _people,
    "fetch_covtype": _covtype,
    "fetch_20newsgroups": _newsgroups,
    "fetch_20newsgroups_vectorized": _vectorized,
    "fetch_openml": datasets_openml.fetch,
}
