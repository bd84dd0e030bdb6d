"""`python -m mlops_bot` and the `mlops-bot` script: errors become exit codes here and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mlops_bot.errors import MlopsBotError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. 0 verified, 1 nothing verified, 2 bad request or configuration, 3 infrastructure, 130 Ctrl-C."""
    from mlops_bot import cli

    try:
        return cli.run(sys.argv[1:] if argv is None else list(argv))
    except MlopsBotError as error:
        print(f"mlops-bot: {error}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("mlops-bot: stopped; the sandbox was ended and nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away (| head)
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main())
