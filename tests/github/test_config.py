"""`.github/mlops-bot.yml`: what is read, and that whatever is wrong is said with its line and what to write."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import settings as settings_
from hypothesis import strategies as st
from tests.github.known import KNOWN

from mlops_bot.github import config, globs
from mlops_bot.github.config import ConfigError, arguments, read, run_of, settings
from mlops_bot.github.model import Config, TrainingFiles
from mlops_bot.settings import Settings
from mlops_bot.types import Command

SCHEMA = json.loads((resources.files("mlops_bot") / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
FULL = """\
version: 1
files:
  - train.py
  - path: "experiments/**/*.py"
    run: python {name} --epochs 1
    data: experiments/sample/
    timeout: 600
    memory: 4096
exclude: ["experiments/legacy/**"]
engine: openai
model: qwen2.5-coder
endpoint: http://llm.internal:8000/v1
temperature: 0.7
samples: 3
repair: 2
max-cost: 0.5
price: [0.15, 0.60]
style: zero-shot
data: data
sandbox: process
timeout: 900
memory: 16384
full: yes
unverified: draft
forks: allow
labels:
  "track it": add mlflow train.py
  mlops:optuna:
max-files: 3
"""


def parse(text: str) -> Config:
    return read(text.encode(), components=KNOWN)


def problems(text: str | bytes) -> list[str]:
    """The lines of the refusal; "1: ..." instead of the file's name."""
    with pytest.raises(ConfigError) as caught:
        read(text.encode() if isinstance(text, str) else text, components=KNOWN)
    assert len(str(caught.value).splitlines()) == len(caught.value.problems)
    return [line.removeprefix(".github/mlops-bot.yml:") for line in str(caught.value).splitlines()]


def test_every_key_is_read() -> None:
    assert parse(FULL) == Config(
        files=(
            TrainingFiles("train.py"),
            TrainingFiles(
                "experiments/**/*.py", "python {name} --epochs 1", data="experiments/sample", timeout=600, memory_mb=4096
            ),
        ),
        exclude=("experiments/legacy/**",),
        engine="openai", model="qwen2.5-coder", endpoint="http://llm.internal:8000/v1",
        temperature=0.7, samples=3, repair=2, max_cost=0.5, price=(0.15, 0.6), style="zero-shot", data="data",
        sandbox="process", timeout=900, memory_mb=16384, full=True, unverified="draft", forks="allow",
        labels={"track it": "add mlflow train.py", "mlops:optuna": None}, max_files=3,
    )  # fmt: skip
    assert set(yaml.safe_load(FULL)) == set(SCHEMA["properties"]), "the example has every key of the schema"
    jsonschema.validate(yaml.safe_load(FULL), SCHEMA)


def test_nothing_is_the_default() -> None:
    assert read(None, components=KNOWN) == parse("") == parse("# only a comment\n") == parse("\ufeff---\n") == Config()


def test_several_mistakes_are_said_at_once_with_their_lines() -> None:
    assert problems("engin: recipe\n\ntemperature: hot\nsamples: 0\nlabels:\n  x: add mlfow\n") == [
        "1: unknown key `engin`; did you mean `engine`?",
        "3: `temperature`: hot is not a number from 0 to 2; write a plain number, without quotes",
        "4: `samples`: 0 is not a whole number from 1 to 20; write a plain number, without quotes",
        "6: `labels.x`: unknown component `mlfow`; did you mean `mlflow`?",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("max_cost: 1", "1: unknown key `max_cost`; did you mean `max-cost`?"),
        ("zzz: 1", "1: unknown key `zzz`; the keys are: version, files, exclude"),
        ("engine: gpt", "1: `engine`: gpt is not known; write one of: auto, recipe, openai, tgi"),
        ("engine: scripted", "1: `engine`: scripted is not known; "),
        ("engine: recipee", "1: `engine`: recipee is not known; did you mean `recipe`?"),
        ("engine: [recipe]", "1: `engine`: is empty or no word"),
        ("timeout: 1:30", "1: `timeout`: 1:30 is not a number above 0, at most 21600"),
        ("timeout: '300'", "1: `timeout`: 300 is not a number"),
        ("timeout: .inf", "1: `timeout`: .inf is not a number"),
        ("memory: 8_192", "1: `memory`: 8_192 is not a whole number"),
        ("samples: 1e1", "1: `samples`: 1e1 is not a whole number"),
        ("full: maybe", "1: `full`: is neither true nor false; write true or false"),
        ("model:", "1: `model`: is empty"),
        ("model: a b", "1: `model`: a b holds blanks"),
        ("model: 4", "1: `model`: is no text; write a word, in quotes"),
        ("price: 1", "1: `price`: is no list"),
        ("price: [1]", "1: `price`: has 1 numbers instead of two"),
        ("price: []", "1: `price`: is empty"),
        ("price: [1, -2]", "1: `price`: -2 is not a number from 0"),
        ("files: train.py", '1: `files`: is no list; write a list: `- train.py`, or `- path: "train/*.py"`'),
        ("files: [[a.py]]", "1: `files`: a list in the list"),
        ("files: [/a.py]", "1: `files`: /a.py is absolute"),
        ("files: ['a/../b.py']", "1: `files`: a/../b.py contains . or .."),
        ("files: ['**.py']", "1: `files`: **.py has ** beside other characters; write **/"),
        ("files: [.github/x.py]", "1: `files`: .github/x.py is the repository's own configuration"),
        ("files:\n- run: python a.py", "2: `files`: an entry without `path`"),
        ("files:\n- path: a.py\n  runs: python a.py", "3: unknown key `files.runs`; did you mean `run`?"),
        ("files:\n- path: a.py\n  run: sh a.sh", "3: `files.run`: sh a.sh: does not start with python; write `run: python"),
        ("files:\n- path: a.py\n  run: python 'a", "3: `files.run`: python 'a: cannot be read"),
        ("files:\n- path: '*.py'\n  run: python a.py", "3: `files.run`: starts the same for every file of *.py; write {path}"),
        ("files:\n- path: '*.py'\n  run: python {file} {name}", "3: `files.run`: {file} stands for nothing"),
        ("data: ../other", "1: `data`: ../other is no folder or file of the repository"),
        ("data: s3://bucket", "1: `data`: s3://bucket is no folder"),
        ("labels: [x]", "1: `labels`: is no mapping"),
        ("labels:\n  a: help", "2: `labels.a`: `help` belongs to no label"),
        ("labels:\n  a: add mlflow\n  A: add wandb", "3: `labels`: A is there twice, first in line 2"),
        ("labels:\n  x: 3", "2: `labels.x`: is no text"),
        ("endpoint: http://h/v1", "1: `endpoint`: which kind of server it is has to be said; add `engine: openai`"),
        ("engine: openai\nendpoint: my-endpoint", "2: `endpoint`: is no address"),
        ("engine: tgi\nendpoint: ftp://h", "2: `endpoint`: is no http or https address"),
        ("engine: tgi\nendpoint: http://u:p4ssw0rd@h/", "2: `endpoint`: holds a user name or a password"),
        ("engine: tgi\nendpoint: http://h/?k=v", "2: `endpoint`: has a query"),
        ("samples: 3", "1: `samples`: several answers at temperature 0 are all the same; add `temperature: 0.7`"),
        ("engine: auto\nengine: recipe", "2: `engine` is written twice, first in line 1; keep one of them"),
        ("- engine", "1: the file holds no keys"),
        ("just text", "1: the file holds no keys"),
        ("version: 2", "1: `version`: 2 is not known"),
        ("[a, b]: 1", "1: a name has to be a single word"),
        ("model: \"a\\u202eb\"", "1: `model`: has more than one line, invisible characters"),
        ("exclude: [" + "a, " * 101 + "a]", "1: `exclude`: has 102 entries, at most 100 are read"),
        # the document itself
        ("a: b: c", "1: is no YAML: mapping values are not allowed here; check the indentation"),
        ("engine: recipe\n\tmodel: x", "2: is no YAML: found character '\\t' that cannot start any token; indent with blanks"),
        ("files:\n- *.py", "2: is no YAML"),
        ("a: &x [1]\nb: *x", "1: anchors (&) and aliases (*) are not allowed"),
        ("a: *x", "1: anchors (&) and aliases (*) are not allowed; write the value out; quote a glob that starts with *"),
        ("engine: !!python/name:os.system x", "1: the tag tag:yaml.org,2002:python/name:os.system is not allowed"),
        ("engine: recipe\n---\nengine: auto", "2: a second document starts here"),
        ("a: " + "[" * 30 + "]" * 30, "1: is nested too deeply"),
        ("a: \x07", "1: holds the control character"),
        (b"engine: recipe\nmodel: \xff", "2: byte 0xff is not UTF-8; save it as UTF-8"),
        ("#" * 64_001, "1: has 64001 bytes, at most 64000 are read"),
    ],
)  # fmt: skip
def test_mistakes(text: str | bytes, line: str) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert found[0].startswith(line)


SECRETS = [
    "openai-api-key: hunter2hunter2",
    "OPENAI_API_KEY: hunter2hunter2",
    "hf_token: hunter2hunter2",
    "token: hunter2hunter2",
    "password: hunter2hunter2",
    "openai:\n  api_key: hunter2hunter2",
    "model: sk-hunter2hunter2hunter2",
    "engine: hf_hunter2hunter2hunter2",
    "files: [ghp_hunter2hunter2hunter2]",
    "labels: {x: github_pat_hunter2hunter2hunter2}",
    "sk-hunter2hunter2hunter2: x",
    "timeout: sk-hunter2hunter2hunter2",
    "files:\n- path: a.py\n  run: bash sk-hunter2hunter2hunter2",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_refused_and_not_repeated(text: str) -> None:
    said = "\n".join(problems(text))
    assert re.search(r"not belong into this file; remove it, replace that secret by a new one", said)
    assert "hunter2" not in said


def test_a_bomb_of_aliases_costs_nothing() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
    )
    assert problems(bomb)[0].startswith("1: anchors")


values = st.sampled_from(
    [None, True, 0, 1, 2, 2.5, 128, 300, -1, 10**7, "", "x", "train.py", "a/*.py", "/abs", "auto", "openai", "docker",
     "comment", "refuse", "allow", "doc-prompt", "http://h:1/v1", "python {name}", [], [1, 2], ["a.py"], [""], {},
     {"l": "add mlflow"}, {"l": None}, {"path": "a.py"}, [{"path": "a.py", "run": "python a.py"}], [{"run": "x"}],
     [{"path": "b.py", "memory": 1}]]
)  # fmt: skip
keys = st.sampled_from([*SCHEMA["properties"], "unknown"])


@settings_(max_examples=300)
@given(st.dictionaries(keys, values, max_size=4))
@example({"labels": {"path": "a.py"}})
def test_the_published_schema_and_the_reader_agree(document: dict[str, Any]) -> None:
    if {"samples", "endpoint"} & document.keys():  # judged together with other keys, which a schema cannot
        document |= {"engine": "openai", "temperature": 0.5}
    fits = jsonschema.Draft202012Validator(SCHEMA).is_valid(document)
    refused: tuple[str, ...] = ()
    try:
        parse(json.dumps(document))
    except ConfigError as error:
        refused = tuple(problem.message for problem in error.problems)
    assert fits == (not refused) or all("is no address" in message for message in refused), (document, refused)


@given(st.binary(max_size=60) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"? ? ? a")
@example(b"engine: |\n  a\n  b")
def test_anything_is_a_configuration_or_is_refused_with_a_line(data: bytes) -> None:
    try:
        assert isinstance(read(data, components=KNOWN), Config)
    except ConfigError as error:
        for problem in error.problems:
            assert (
                1
                <= problem.line
                <= data.count(b"\n") + data.count(b"\r") + data.count(b"\xc2\x85") + data.count(b"\xe2\x80") + 1
            )
            assert problem.message


def test_the_configuration_wins_over_the_environment_where_it_says_something() -> None:
    loaded = Settings(engine="recipe", model="m", tgi_url="http://old", tgi_endpoint="e", openai_api_key="key")
    assert settings(Config(), loaded) == loaded.override(sandbox="docker")
    asked = settings(Config(engine="openai", model="n", endpoint="http://new/v1", sandbox="process"), loaded)
    assert (asked.engine, asked.model, asked.openai_base_url, asked.sandbox) == (
        "openai",
        "n",
        "http://new/v1",
        "process",
    )
    assert asked.openai_api_key == "key"
    tgi = settings(Config(engine="tgi", endpoint="http://new"), loaded)
    assert (tgi.tgi_url, tgi.tgi_endpoint) == ("http://new", None)
    named = settings(Config(engine="tgi", endpoint="coder"), loaded)
    assert (named.tgi_url, named.tgi_endpoint) == (None, "coder")


def test_the_first_matching_entry_says_how_a_file_is_run() -> None:
    found = parse(FULL)
    assert run_of(found, "experiments/a/t.py") == TrainingFiles(
        "experiments/**/*.py", "python t.py --epochs 1", "experiments/sample", 600, 4096
    )
    assert run_of(found, "train.py") == TrainingFiles("train.py", None, "data", 900, 16384)
    assert run_of(Config(), "x.py") == TrainingFiles("x.py", None, None, 300, 8192)
    rooted = Config(files=(TrainingFiles("a/*.py", "python -m run {path}"),))
    assert run_of(rooted, "a/b.py").run == "python -m run a/b.py"


def test_the_command_line_that_does_the_same_is_one() -> None:
    from mlops_bot import cli

    asked = Command("translate", "mlflow", source="wandb", functionality="experiment-tracking")
    words = arguments(parse(FULL), asked, "experiments/t.py")
    options = cli.parser().parse_args(words[1:])
    assert words[0] == "mlops-bot"
    assert (options.source, options.component, options.paths) == ("wandb", "mlflow", [Path("experiments/t.py")])
    assert (options.start, options.timeout, options.memory, options.full) == ("python t.py --epochs 1", 600, 4096, True)
    assert (options.samples, options.temperature, options.price, options.max_cost) == (3, 0.7, (0.15, 0.6), 0.5)
    assert arguments(Config(), Command("add", "mlflow"), "t.py") == [
        "mlops-bot",
        "add",
        "mlflow",
        "t.py",
        "--sandbox",
        "docker",
    ]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.py", ["a.py", ".py"], ["a/b.py", "a.pyc", "A.PY"]),
        ("**/*.py", ["a.py", "a/b/c.py"], ["a.txt"]),
        ("**", ["a", "a/b"], []),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("a/**/b.py", ["a/b.py", "a/x/y/b.py"], ["b.py", "a/b.pyc"]),
        ("**/a/**", ["a/b", "x/a/b"], ["a", "x/a"]),
        ("train_?.py", ["train_1.py"], ["train_10.py", "train_.py"]),
        ("train_[0-9].py", ["train_1.py"], ["train_x.py"]),
        ("a/*/b", ["a/x/b"], ["a/b", "a/x/y/b"]),
    ],
)
def test_globs(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not globs.matches(pattern, path)] == []
    assert [path for path in no if globs.matches(pattern, path)] == []


def test_globs_are_never_slow() -> None:
    assert not globs.matches("/".join(["**", "*a*a*a*a*"] * 30), "/".join(["a" * 40] * 100) + "/b")
    assert config.PATH == ".github/mlops-bot.yml"
