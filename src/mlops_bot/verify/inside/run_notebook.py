"""Runs inside the sandbox: `python run_notebook.py NOTEBOOK [ARGUMENTS]` executes a notebook as Jupyter would, with
nbclient and a kernel of its own, and shows what its cells show. The notebook's file is not changed.

The kernel is the program: the smoke hooks that this process got are handed on to it.
"""

import builtins
import os
import re
import sys

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def main(path):
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from traitlets.config import Config

    os.environ.pop("MLOPS_SMOKE_PID", None)  # the kernel is the main process of the program, not this one
    hooks = os.environ.get("MLOPS_SMOKE", "")
    if hooks:
        house = os.path.dirname(hooks)
        os.environ["IPYTHONDIR"] = os.path.join(house, "ipython")
        os.environ["JUPYTER_RUNTIME_DIR"] = os.path.join(house, "jupyter")
        os.environ["JUPYTER_CONFIG_DIR"] = os.path.join(house, "jupyter")
        os.environ["JUPYTER_DATA_DIR"] = os.path.join(house, "jupyter")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("kernelspec", None)  # the runtime's own Python, whatever kernel the author had

    def show(cell, cell_index):
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                (sys.stderr if output.name == "stderr" else sys.stdout).write(output.text)
            elif output.output_type in ("execute_result", "display_data"):
                text = output.data.get("text/plain")
                if text:
                    sys.stdout.write(str(text) + "\n")
        sys.stdout.flush()

    config = Config()
    config.KernelManager.shutdown_wait_time = 120.0  # what the kernel leaves behind is written when it ends
    client = NotebookClient(
        notebook,
        config=config,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(path))}},
        on_cell_executed=lambda cell, cell_index, execute_reply: show(cell, cell_index),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        output = next((o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error"), None)
        if output is not None:
            sys.stderr.write(ANSI.sub("", "\n".join(output.traceback)) + "\n")
        kind = getattr(builtins, error.ename, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                raised = kind(error.evalue)
            except TypeError:
                raised = RuntimeError(f"{error.ename}: {error.evalue}")
            raise raised from None
        raise RuntimeError(f"{error.ename}: {error.evalue}") from None
    except DeadKernelError:
        sys.exit("the notebook's kernel died")


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    main(sys.argv[0])
