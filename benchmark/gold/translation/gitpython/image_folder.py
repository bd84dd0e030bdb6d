"""Adds a folder of images, in two batches, and shows the history."""

import os

from git import Repo

repo = Repo(".")
os.makedirs("images", exist_ok=True)


def add_images(first, last):
    for number in range(first, last):
        with open(f"images/{number:03d}.png", "wb") as file:
            file.write(b"\x89PNG" + bytes([number]) * 300)
    with open("images/labels.txt", "a") as file:
        file.writelines(f"{number:03d} {number % 2}\n" for number in range(first, last))


add_images(0, 4)
repo.index.add(["images"])
repo.index.commit("Four images")
add_images(4, 6)
repo.index.add([f"images/{number:03d}.png" for number in range(4, 6)] + ["images/labels.txt"])
repo.index.commit("Two more")
repo.remote().push()
for commit in repo.iter_commits():
    print(len(commit.message), commit.message)
