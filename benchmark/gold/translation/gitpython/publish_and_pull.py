"""One working copy publishes data, another one pulls it."""

import os

from git import Repo


def publisher(url):
    repo = Repo.clone_from(url, "publisher")
    with open(os.path.join("publisher", "weights.npy"), "wb") as file:
        file.write(bytes(range(256)) * 16)
    repo.index.add(["weights.npy"])
    repo.index.commit("Weights")
    repo.remote("origin").push("main")
    return repo


hub = Repo.init("hub.git", bare=True)
seed = Repo.init("seed")
with open("seed/README.md", "w") as file:
    file.write("weights live here\n")
seed.index.add(["README.md"])
seed.index.commit("Read me")
seed.create_remote("origin", os.path.abspath("hub.git"))
seed.git.push("origin", "HEAD:main")

consumer = Repo.clone_from(os.path.abspath("hub.git"), "consumer")
publisher(os.path.abspath("hub.git"))
consumer.remotes.origin.pull()
print("bytes at the consumer:", os.path.getsize("consumer/weights.npy"))
