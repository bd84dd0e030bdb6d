"""`python -m docs_index`: errors become exit codes as they do for `mlops-bot`."""

from __future__ import annotations

import sys

from docs_index import cli
from mlops_bot.__main__ import main

if __name__ == "__main__":
    sys.exit(main(run=cli.run, program="docs_index"))
