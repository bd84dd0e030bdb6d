"""Runs inside the sandbox, alone: leaves an empty, migrated mlflow.db in the working directory.

MLflow creates its tables on first use, which takes seconds; a copy of this file saves them in every run.
"""

import sqlite3
from contextlib import closing

import mlflow

mlflow.search_experiments()

# The default experiment remembers where its artifacts go as an absolute path of this directory. MLflow makes it anew,
# with the right path, in a store that has none.
with closing(sqlite3.connect("mlflow.db")) as connection, connection:
    connection.execute("DELETE FROM experiments")
