"""action.yml, the image and the workflows say what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from mlops_bot.github.render import summary

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = sorted([*(ROOT / ".github" / "workflows").glob("*.yml"), *(ROOT / "examples" / "workflows").glob("*.yml")])


def test_every_input_is_read_and_every_input_that_is_read_exists() -> None:
    read = set(re.findall(r'"INPUT_([A-Z0-9-]+)"', (ROOT / "src" / "mlops_bot" / "settings.py").read_text()))
    mapped = {name.upper() for name in ACTION["inputs"] if f"inputs.{name} " in str(ACTION["runs"]["env"])}
    assert {name.upper() for name in ACTION["inputs"]} == read | mapped


def test_outputs_are_those_that_are_written() -> None:
    assert set(ACTION["outputs"]) == {*summary.OUTPUTS, "proceed"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_workflows_give_the_action_only_inputs_that_it_has(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "mlops-bot" in step.get("uses", "") or step.get("uses") == "./":
                assert set(step.get("with", {})) <= set(ACTION["inputs"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_workflows_keep_the_rules(path: Path) -> None:
    """SECURITY: no permission by default, values never inside a script, every job ends, credentials are not kept."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {} and "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 360
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_no_job_of_the_hardened_workflow_has_both_a_secret_and_the_pull_requests_code() -> None:
    jobs = yaml.safe_load((ROOT / "examples" / "workflows" / "mlops-bot-hardened.yml").read_text())["jobs"]
    stages = {name: next(s["with"] for s in job["steps"] if "mlops-bot/" in s["uses"]) for name, job in jobs.items()}
    assert {name: with_["stage"] for name, with_ in stages.items()} == {name: name for name in jobs}
    assert jobs["verify"]["permissions"] == {} and stages["verify"]["token"] == ""
    assert jobs["propose"]["permissions"]["contents"] == "read"
    for job in jobs.values():
        assert not any("checkout" in step["uses"] for step in job["steps"])


def test_the_release_names_the_image_by_its_digest(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    (tmp_path / "action.yml").write_bytes((ROOT / "action.yml").read_bytes())
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    script, digest = ROOT / "scripts" / "release-tags", "sha256:" + "a" * 64
    wrong = subprocess.run([script, "v1.2", f"ghcr.io/o/r@{digest}", "--dry-run"], cwd=tmp_path, capture_output=True)
    assert wrong.returncode == 2
    subprocess.run([script, "v1.2.3", f"ghcr.io/o/r@{digest}", "--dry-run"], cwd=tmp_path, check=True)
    tags = subprocess.run([*git, "tag"], check=True, capture_output=True, text=True).stdout.split()
    assert tags == ["v1", "v1.2.3-image"]
    released = subprocess.run([*git, "show", "v1:action.yml"], check=True, capture_output=True, text=True).stdout
    assert yaml.safe_load(released)["runs"]["image"] == f"docker://ghcr.io/o/r@{digest}"
