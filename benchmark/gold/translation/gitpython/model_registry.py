"""A small model store in Git: each training is a commit with a tag, and the best one is brought back."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import git


@dataclass
class Store:
    root: Path

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        try:
            self.repo = git.Repo(self.root)
        except git.InvalidGitRepositoryError:
            self.repo = git.Repo.init(self.root)
        if self.repo.working_tree_dir != str(self.root.resolve()):
            self.repo = git.Repo.init(self.root)

    def save(self, weights: list[float], score: float) -> str:
        path = self.root / "model.pkl"
        path.write_bytes(pickle.dumps(weights))
        self.repo.index.add([path.name])
        self.repo.index.commit(f"Score {score:.2f}")
        tag = f"score-{score:.2f}"
        self.repo.create_tag(tag)
        return tag

    def load(self, tag: str) -> list[float]:
        self.repo.git.checkout(tag)
        return pickle.loads((self.root / "model.pkl").read_bytes())


store = Store(Path("registry"))
scores = {store.save([step / 10, step / 20], 1 - 0.1 * abs(step - 2.2)): step for step in range(4)}
best = max(scores)
print("best:", best, store.load(best))
