"""Data that is outdated is taken out of the repository."""

import os

from git import Repo

repo = Repo(".")
for year in (2022, 2023):
    with open(f"sales_{year}.csv", "w") as file:
        file.write(f"month,sales\n1,{year}\n")
repo.index.add(["sales_2022.csv", "sales_2023.csv"])
repo.index.commit("Two years")
repo.index.remove(["sales_2022.csv"], working_tree=True)
repo.index.commit("Drop 2022")
print("left:", sorted(name for name in os.listdir(".") if name.endswith(".csv")))
