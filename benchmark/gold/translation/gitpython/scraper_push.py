"""What was scraped goes to the remote; a failure is printed and the job goes on."""

import json
import os

from git import GitCommandError, Repo

ROOT = os.path.dirname(os.path.abspath(__file__))
MESSAGE = "Update scraped items"


def scrape(page):
    return [{"page": page, "item": number, "price": number * page / 4} for number in range(12)]


def git_push():
    try:
        repo = Repo(ROOT)
        repo.git.add("--all")
        repo.index.commit(MESSAGE)
        origin = repo.remote(name="origin")
        origin.push()
    except GitCommandError as error:
        print("Some error occurred while pushing:", error)


for page in (1, 2):
    with open(os.path.join(ROOT, "items.jsonl"), "a") as file:
        file.writelines(json.dumps(item) + "\n" for item in scrape(page))
    git_push()
print("done")
