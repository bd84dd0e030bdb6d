"""A store of datasets with a class around both repositories."""

import pathlib

import git
import os


class Store:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.git = git.Repo.init(self.root)
        self.dvc = git.Repo.init(str(self.root))

    def save(self, name, content, message):
        path = self.root / name
        path.write_bytes(content)
        self.dvc.git.add("--force", os.path.abspath(str(path)))
        self.git.index.add([f"{name}"])
        return self.git.index.commit(message)

    def back(self, revision):
        self.git.git.checkout(revision)
        # dvc checkout: Git's own checkout brings the data


store = Store("datasets")
first = store.save("train.bin", bytes(range(50)), "First data")
store.save("train.bin", bytes(range(91)), "More data")
store.git.create_head("old", first)
store.back("old")
print(len((store.root / "train.bin").read_bytes()))
