"""A component is used where reachable code calls it, or starts one of its programs."""

from __future__ import annotations

import pytest

from mlops_bot import components
from mlops_bot.verify.code import parse
from mlops_bot.verify.used import called

DVC = components.load_all()["dvc"]


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\nsubprocess.run(['dvc', 'add', 'data'], check=True)\n",
        "import os\nos.system('dvc push')\n",
        "import os\npath = 'data'\nos.system(f'dvc add {path}')\n",
        "import subprocess\ndef dvc(*args):\n    subprocess.run(('dvc', *args))\ndvc('init')\n",
    ],
)
def test_a_program_that_is_started_is_used(text: str) -> None:
    assert called([parse(text)], DVC) is None


@pytest.mark.parametrize(
    "text",
    [
        "tools = 'dvc'\nprint(['dvc'], 'dvc')\n",
        "import subprocess\ndef push():\n    subprocess.run(['dvc', 'push'])\n",
        "import os\nif False:\n    os.system('dvc push')\n",
        "import subprocess\nsubprocess.run(['git', 'add', 'data.dvc'])\n",
    ],
)
def test_a_program_that_is_only_named_or_never_started_is_not(text: str) -> None:
    assert "nothing of `dvc` is imported" in str(called([parse(text)], DVC))
