"""Labels are corrected on a branch, which is merged when they are good."""

import lakefs

repo = lakefs.repository("labels").create(storage_namespace="local://labels", exist_ok=True)
main = repo.branch("main")


def label(branch, pairs):
    with open("labels.tsv", "w") as file:
        file.writelines(f"{name}\t{value}\n" for name, value in pairs)
    with open("labels.tsv", "rb") as file:
        branch.object("labels.tsv").upload(data=file.read())


def check_out(reference):
    with open("labels.tsv", "wb") as file:
        file.write(reference.object("labels.tsv").reader(mode="rb").read())


label(main, [("a", 0), ("b", 1), ("c", 1)])
main.commit(message="Labels")
corrections = repo.branch("corrections").create(source_reference="main")
label(corrections, [("a", 0), ("b", 0), ("c", 1)])
corrections.commit(message="Correct b")
check_out(main)
with open("labels.tsv") as file:
    print("before:", file.read().split())
corrections.merge_into(main)
check_out(main)
with open("labels.tsv") as file:
    print("after:", file.read().split())
