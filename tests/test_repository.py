"""The repository keeps its own promises: documented commands exist, `--help` is fast, nothing names a machine."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_bot import cli, settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
SDKS = ("docker", "huggingface_hub", "libcst", "mlflow", "openai", "rich", "text_generation", "torch")
DOORS = {  # each SDK has one door: the only files that may import it
    "openai": {"engines/openai.py"},
    "text_generation": {"engines/tgi.py"},
    "huggingface_hub": {"engines/hf_endpoint.py"},
    "docker": {"sandbox/docker_engine.py"},
}
INSIDE = re.compile(
    r"(^|/)inside/|sandbox/smoke/|components/[^/]+/(collect(_\w+)?|prepare|smoke)\.py$"
)  # runs in the sandbox only


def tracked(*patterns: str) -> list[Path]:
    """Files under version control, or about to be (so that a new file is looked at before its commit)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """The command line's own commands, by name."""
    actions = [a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a command, with those of its actions (`docs search`)."""
    found = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(options, action.choices.values()))
    return found


def commands_in(path: Path) -> Iterator[str]:
    """Every command line that a document shows: indented or fenced blocks, and inline code."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        code = line.strip() if line.startswith("    ") else None
        found = [code] if code else re.findall(r"`([^`]+)`", line)
        for command in found:
            command = command.removeprefix("$ ").split("  #")[0].strip()
            if re.match(r"(mlops-bot|make|\.venv/bin/mlops-bot) ", command):
                yield command.removeprefix(".venv/bin/")


def test_documents_name_only_commands_and_options_that_exist() -> None:
    known, wrong, seen = subcommands(), [], 0
    for path in DOCUMENTS:
        for command in commands_in(path):
            words = shlex.split(command)
            if words[0] != "mlops-bot" or words[1].startswith(("-", "...", "COMMAND")):
                continue
            seen += 1
            if words[1] not in known:
                wrong.append(f"{path.name}: {command}: no such command")
                continue
            for word in words[2:]:
                option = word.strip("[]").split("=")[0]
                if re.fullmatch(r"--[a-z-]+", option) and option not in options(known[words[1]]):
                    wrong.append(f"{path.name}: {command}: {words[1]} has no {option}")
    assert wrong == []
    assert seen > 10


def test_documents_name_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        (path.name, word)
        for path in DOCUMENTS
        for c in commands_in(path)
        if c.startswith("make ")
        for word in c.split()[1:2]
    }
    assert {"run", "test"} <= {target for _, target in named}
    assert {entry for entry in named if entry[1] not in targets} == set()


def test_every_option_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    missing = {
        f"{name} {option}"
        for name, parser in subcommands().items()
        for option in options(parser)
        if f"`{option}" not in text
    }
    assert missing == set()


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    code = Path(settings.__file__).read_text(encoding="utf-8")
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    ours = re.compile(r"\b(?:MLOPS_BOT_[A-Z_]+|OPENAI_[A-Z_]+|HF_TOKEN)\b")
    read = {
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(ours.findall(text)) == {name for name in read if ours.fullmatch(name)}


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in [*DOCUMENTS, ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not re.match(r"https?:|mailto:", target) and not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []


def test_help_is_fast_and_loads_no_sdk() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mlops_bot", "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    loaded = {
        line.rpartition("|")[2].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "mlops_bot" in loaded, "the measurement sees imports"
    assert loaded.isdisjoint({*SDKS, "yaml", "tomlkit", "psutil"})
    assert "add" in done.stdout


def test_every_sdk_has_one_door() -> None:
    source, strays = ROOT / "src" / "mlops_bot", []
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source).as_posix()
        if INSIDE.search(relative):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for sdk in {name.split(".")[0] for name in names} & DOORS.keys():
                if relative not in DOORS[sdk]:
                    strays.append(f"{relative} imports {sdk}")
    assert strays == []


def test_nothing_on_the_host_imports_what_runs_inside_the_sandbox() -> None:
    source, strays = ROOT / "src" / "mlops_bot", []
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source).as_posix()
        if INSIDE.search(relative):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            strays += [
                f"{relative} imports {name}"
                for name in names
                if name.startswith("mlops_bot.")
                and INSIDE.search(name.removeprefix("mlops_bot.").replace(".", "/") + "/")
            ]
    assert strays == []


def test_only_settings_reads_the_environment() -> None:
    source, readers = ROOT / "src" / "mlops_bot", set()
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source).as_posix()
        if INSIDE.search(relative):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                names = [node.attr]
            else:
                names = [a.name for a in node.names] if isinstance(node, ast.ImportFrom) and node.module == "os" else []
            if {"environ", "environb", "getenv"}.intersection(names):
                readers.add(relative)
    assert readers == {"settings.py"}


def test_no_file_names_a_machine() -> None:
    # Home folders, and options or addresses of package registries that only some machines reach.
    homes = r"/home/(?!user\b)\w|/Users/\w|/root/[\w.]|/work/(?!job\b)\w"
    invented = r"https?://(?:[\w.-]+\.(?:example|invalid|test)|(?:[\w-]+\.)?example\.(?:com|org)|pypi\.org)\b"
    registries = rf"--(?:extra-)?index-url[ =](?!{invented})[\w/]|--find-links[ =](?!{invented})[/a-z]"
    everywhere, product = re.compile(homes), re.compile(f"{homes}|{registries}")
    found = []
    for path in tracked():
        if path == Path(__file__):  # the patterns themselves
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        private = everywhere if "tests" in path.parts else product  # tests of pip options invent registries
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in private.finditer(text)]
    assert found == []


@pytest.mark.parametrize("name", ["run", "dev"])
def test_locks_pin_every_package_with_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    assert len(blocks) > 50
    assert [
        block.splitlines()[0] for block in blocks if block.strip() and not ("==" in block and "--hash=sha256:" in block)
    ] == []


def test_the_run_lock_is_part_of_the_test_lock() -> None:
    run, dev = (
        set(
            re.findall(
                r"^(\S+==[^\s;\\]+)", (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"), re.MULTILINE
            )
        )
        for name in ("run", "dev")
    )
    assert run <= dev


def test_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    dev = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    asked = [
        *project["project"]["dependencies"],
        *(e for g in project["dependency-groups"].values() for e in g if isinstance(e, str)),
    ]
    names = {re.split(r"[\[<>=!~ ]", line)[0] for line in asked}
    assert {name for name in names if not re.search(rf"^{re.escape(name)}==", dev, re.MULTILINE)} == set()


def test_no_placeholder_is_left() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b|pytest\.(mark\.)?(sk" + r"ip|xf" + r"ail)")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked("*.py", "*.md", "*.yml", "*.toml", "Makefile")
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if marks.search(line) and "fixtures" not in path.parts and "data" not in path.parts
    ]
    assert found == []
