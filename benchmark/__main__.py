"""`python -m benchmark`: errors become exit codes as they do for `mlops-bot`."""

from __future__ import annotations

import sys

from benchmark import cli
from mlops_bot.__main__ import main

if __name__ == "__main__":
    sys.exit(main(run=cli.run, program="benchmark"))
