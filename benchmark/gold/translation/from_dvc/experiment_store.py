"""A store of datasets with a class around both repositories."""

import pathlib

import git
from dvc.repo import Repo as DvcRepo


class Store:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.git = git.Repo.init(self.root)
        self.dvc = DvcRepo.init(str(self.root))

    def save(self, name, content, message):
        path = self.root / name
        path.write_bytes(content)
        self.dvc.add(str(path))
        self.git.index.add([f"{name}.dvc", ".gitignore", ".dvc/config"])
        return self.git.index.commit(message)

    def back(self, revision):
        self.git.git.checkout(revision)
        self.dvc.checkout()


store = Store("datasets")
first = store.save("train.bin", bytes(range(50)), "First data")
store.save("train.bin", bytes(range(90)), "More data")
store.git.create_head("old", first)
store.back("old")
print(len((store.root / "train.bin").read_bytes()))
