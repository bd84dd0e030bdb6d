"""`python -m mlops_bot` and the `mlops-bot` script: errors become exit codes here and nowhere else."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from mlops_bot.errors import MlopsBotError, UserError


def main(
    argv: Sequence[str] | None = None,
    *,
    run: Callable[[Sequence[str]], int] | None = None,
    program: str = "mlops-bot",
) -> int:
    """Runs one command line, of `run` or of the bot itself. 0 verified, 1 nothing verified, 2 bad request or
    configuration, 3 infrastructure; 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP, 141 nobody reads the output any more."""
    if run is None:
        from mlops_bot import cli

        run = cli.run
    try:
        with _stop_signals():
            return run(sys.argv[1:] if argv is None else list(argv))
    except MlopsBotError as error:
        _say(f"{program}: {error}")
        if error.hint:
            _say(f"  {error.hint}")
        return error.exit_code
    except KeyboardInterrupt as stop:
        done = stop.args[0] if stop.args else "nothing was written"
        _say(f"{program}: stopped; the sandbox was ended, {done}")
        return 128 + (stop.signum if isinstance(stop, _Stopped) else signal.SIGINT)
    except BrokenPipeError:  # the reader of our output went away (| head)
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.close()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.close()
        return 141


class _Stopped(KeyboardInterrupt):
    """Somebody ends us with a signal: like Ctrl-C, the way out is cleaned up."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum


@contextlib.contextmanager
def _stop_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end us as Ctrl-C does, so that no sandbox and no folder of it stays behind."""
    names = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    ours = [name for name in names if signal.getsignal(name) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []

    def stop(signum: int, frame: FrameType | None) -> None:
        del frame
        raise _Stopped(signum)

    for name in ours:
        signal.signal(name, stop)
    try:
        yield
    finally:
        for name in ours:
            if signal.getsignal(name) is stop:  # a command that is on its way out may have shut its ears
                signal.signal(name, signal.SIG_DFL)


def _say(text: str) -> None:
    """One line on standard error, without keys and terminal commands."""
    from mlops_bot import settings, shown

    try:
        secrets = settings.load().secrets
    except UserError:  # the configuration is what is wrong, and its message names one value that is no key
        secrets = ()
    with contextlib.suppress(OSError, ValueError):
        print(shown.redacted(shown.plain(text), secrets), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
