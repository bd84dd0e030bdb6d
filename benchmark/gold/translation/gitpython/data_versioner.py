"""A class that keeps the versions of a dataset."""

import json
import os

from git import Actor, Repo


class DataVersioner:
    def __init__(self, root):
        self.repo = Repo(root)
        self.author = Actor("Data Team", "data@example.com")

    def save(self, rows, path):
        full = os.path.join(self.repo.working_tree_dir, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
        self.repo.index.add([path])

    def commit(self, message, tag=None):
        commit = self.repo.index.commit(message, author=self.author)
        if tag:
            self.repo.create_tag(tag, ref=commit)
        return commit

    def share(self):
        self.repo.remotes.origin.push()
        self.repo.git.push("origin", "--tags")

    def versions(self):
        return [tag.name for tag in self.repo.tags]


def main():
    versioner = DataVersioner(".")
    versioner.save([{"id": number, "label": number % 2} for number in range(20)], "data/train.jsonl")
    versioner.commit("Training data", tag="data-1")
    versioner.save([{"id": number, "label": number % 3} for number in range(25)], "data/train.jsonl")
    versioner.save([{"id": number, "label": 0} for number in range(5)], "data/test.jsonl")
    versioner.commit("Three labels, and a test set", tag="data-2")
    versioner.share()
    print("versions:", versioner.versions())


if __name__ == "__main__":
    main()
