from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke


def test_without_configuration_nothing_happens(smoke: Smoke) -> None:
    run = smoke("import sys; print(any('_mlops_smoke' in name for name in sys.modules))", on=False)
    assert (run.code, run.stdout.strip(), run.trace) == (0, "False", None)


def test_a_script_sees_itself_as_ever(smoke: Smoke) -> None:
    source = '"""Text."""\nfrom __future__ import annotations\nimport sys, os\n'
    source += "print(__name__, __spec__, __package__, os.path.basename(__file__), sys.argv, __doc__)\n"
    source += "print(sys.path[0] == os.getcwd(), [p for p in sys.path if 'mlops' in p])\n"
    plain, hooked = smoke(source, "--x", "1", on=False), smoke(source, "--x", "1")
    assert hooked.stdout == plain.stdout
    assert hooked.record["exit"] == {"kind": "normal", "type": "", "message": ""}
    assert hooked.record["errors"] == []


def test_no_module_of_the_program_or_the_library_is_shadowed(smoke: Smoke) -> None:
    source = "import trace, device, hooks\nprint(hasattr(trace, 'Trace'), trace.__file__, device.X, hooks.X)\n"
    run = smoke(source, files={"device.py": "X = 5\n", "hooks.py": "X = 6\n"})
    assert run.stdout.split()[0] == "True" and ".mlops-bot" not in run.stdout
    assert run.stdout.split()[2:] == ["5", "6"]


def test_an_earlier_sitecustomize_still_runs(smoke: Smoke) -> None:
    run = smoke("print('main')", files={"site/sitecustomize.py": "print('earlier')\n"}, env={})
    path = f"{run.root}/.mlops-bot/smoke:{run.root}/project/site"
    again = smoke("print('main')", env={"PYTHONPATH": path})
    assert again.stdout == "earlier\nmain\n"


def test_endings(smoke: Smoke) -> None:
    failed = smoke("x = 1\n\nraise ValueError('boom')\n")
    assert failed.record["exit"] == {"kind": "exception", "type": "ValueError", "message": "boom"}
    assert failed.code == 1 and "line 3" in failed.stderr
    left = smoke("import sys\nsys.exit(3)\n")
    assert (left.code, left.record["exit"]["kind"], left.record["exit"]["message"]) == (3, "systemexit", "3")
    broken = smoke("def f(:\n")
    assert broken.code == 1 and "SyntaxError" in broken.stderr


def test_what_was_missing_is_noted(smoke: Smoke) -> None:
    assert smoke("open('data/train.csv')\n").notes("unavailable") == ["file data/train.csv"]
    assert smoke("import no_such_module_at_all\n").notes("unavailable") == ["module no_such_module_at_all"]
    source = "import urllib.request\nurllib.request.urlopen('https://example.com/data.zip')\n"
    assert smoke(source).notes("unavailable") == ["download https://example.com/data.zip"]
    source = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=20)\n"
    run = smoke(source)
    assert run.record["seconds"]["total"] < 10 and "no network" in run.record["exit"]["message"]


def test_child_processes_write_no_trace_of_their_own(smoke: Smoke) -> None:
    source = "import subprocess, sys, multiprocessing as mp\ndef f(q):\n    q.put(1)\n"
    source += "if __name__ == '__main__':\n"
    source += "    subprocess.run([sys.executable, '-c', 'import random'], check=True)\n"
    source += "    for kind in ('fork', 'spawn'):\n        context = mp.get_context(kind); q = context.Queue()\n"
    source += "        p = context.Process(target=f, args=(q,)); p.start(); print(q.get()); p.join()\n"
    run = smoke(source)
    assert (run.code, run.stdout) == (0, "1\n1\n"), run.stderr
    assert [path.name for path in (run.root / ".mlops-bot").glob("trace*")] == ["trace.json"]


def test_seeds(smoke: Smoke) -> None:
    source = "import random, numpy as np\nprint(random.random(), np.random.rand(), np.random.default_rng().random())\n"
    source += "print(np.random.RandomState().rand())\nrandom.seed(); np.random.seed(); print(random.random())\n"
    first, second, other = smoke(source), smoke(source), smoke(source, seed=1)
    assert first.stdout == second.stdout != other.stdout
    assert len(set(first.stdout.split())) == 4  # re-seeding starts the stream again


def test_options_and_literals_are_capped(smoke: Smoke) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--epochs', type=int, default=14)\n"
    source += "p.add_argument('--batch-size', type=int, default=64)\nargs = p.parse_args()\nNUM_EPOCHS = 50\n"
    source += "def train(epochs=30, lr=5): return epochs, lr\n"
    source += "print(args.epochs, args.batch_size, NUM_EPOCHS, train(), len([e for e in range(100)]))\n"
    source += "print(sum(1 for epoch in range(100)))\n"
    source += "n = 0\nfor epoch in range(1, 90 + 1):\n    n += 1\nprint(n)\n"
    assert smoke(source, "--epochs", "9").stdout == "2 64 2 (2, 5) 100\n100\n2\n"
    assert smoke(source, "--epochs", "9", full=True).stdout == "9 64 50 (30, 5) 100\n100\n90\n"
    assert smoke(source, max_epochs=3).stdout.startswith("3 64 3 (3, 5)")


def test_what_the_command_line_came_to_is_traced(smoke: Smoke) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('-j', '--workers', type=int, default=4)\n"
    source += "p.add_argument('--data', nargs='*', default=[])\np.parse_args()\n"
    assert smoke(source, "-j", "0").trace["options"] == {"workers": 0}
    assert smoke(source).trace["options"] == {"workers": 4}


def test_imported_files_of_the_program_are_capped_too(smoke: Smoke) -> None:
    run = smoke("import config\nprint(config.epochs)\n", files={"config.py": "epochs = 40\n"})
    assert run.stdout == "2\n"


def test_a_failing_hook_does_not_fail_the_program(smoke: Smoke) -> None:
    run = smoke("print('fine')", component_hooks=["component_missing"])
    assert run.stdout == "fine\n" and "component_missing" in run.record["errors"][0]


def test_programs_of_one_job_add_to_one_record(smoke: Smoke) -> None:
    source = "import os, subprocess, sys\nenv = {k: v for k, v in os.environ.items() if k != 'MLOPS_SMOKE_PID'}\n"
    source += "epochs = 9\nsubprocess.run([sys.executable, 'other.py'], env=env, check=True)\n"
    run = smoke(source, files={"other.py": "n_epochs = 7\nprint(n_epochs)\n"})
    assert run.stdout == "2\n"
    assert run.notes("limit") == ["epochs: n_epochs", "epochs: epochs"]


def test_a_loop_without_an_end_ends(smoke: Smoke) -> None:
    source = """
from itertools import count
class Loss:
    def backward(self): pass
def finish():
    Loss().backward()
for episode in count(1):
    for turn in count():
        if turn == 300:
            break
    finish()
print(episode, turn)
"""
    run = smoke(source)
    assert run.code == 0, run.stderr
    assert run.stdout == "10 300\n"
    assert "endless loop over epochs" in run.notes("limit")
