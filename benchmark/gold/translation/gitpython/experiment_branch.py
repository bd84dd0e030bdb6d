"""An experiment with other data on a branch of its own; the main branch keeps its data."""

import pickle

from git import Repo


def save(values):
    with open("features.pkl", "wb") as file:
        pickle.dump(values, file)


repo = Repo(".")
save([number / 10 for number in range(100)])
repo.git.add("features.pkl")
repo.git.commit("-m", "Features of the base line")
main = repo.active_branch

experiment = repo.create_head("experiment")
experiment.checkout()
save([number / 7 for number in range(140)])
repo.git.add("features.pkl")
repo.git.commit("-m", "Finer features")

main.checkout()
with open("features.pkl", "rb") as file:
    print("features on the main branch:", len(pickle.load(file)))
print("branches:", sorted(head.name for head in repo.heads))
