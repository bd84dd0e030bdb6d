"""Updates the files that are tracked already, commits and pushes them."""

import time

from git import Repo


def write(count):
    with open("prices.csv", "w") as file:
        file.write("id,price\n")
        for number in range(count):
            file.write(f"{number},{number * 1.5}\n")


repo = Repo("./")
g = repo.git
write(10)
g.add("prices.csv")
g.commit("-m", "First prices")
for night in range(2):
    write(20 + night)
    g.add(update=True)
    g.commit(m=f"data update {time.strftime('%Y%m%d')}, night {night + 1}")
g.push("origin", "HEAD")
print("commits:", g.rev_list("--count", "HEAD"))
