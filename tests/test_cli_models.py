"""A model's way through the real command line: samples, retries, truncation, streaming, cost, repair, and what goes wrong.

The servers are those of tests/servers. Candidates are really run, in the process sandbox, which is asked for by name.
Right answers and the original are the same everywhere, so that their runs are done once and come from the cache then.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.servers import openai_server, tgi_server
from tests.servers.openai_server import Answer, OpenAIServer
from tests.servers.tgi_server import Generated, TGIServer

import mlops_bot
from mlops_bot.__main__ import main
from mlops_bot.engines import retry

SCHEMA = json.loads((Path(mlops_bot.__file__).parent / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
KEY = "sk-planted-0123456789abcdefghij"
TRAIN = """\
from sklearn.linear_model import Ridge

features = [[0.0], [1.0], [2.0], [3.0]]
targets = [0.0, 1.1, 1.9, 3.2]
model = Ridge(alpha=0.5)
model.fit(features, targets)
score = model.score(features, targets)
print("score:", score)
"""
TRACKED = TRAIN.replace("from sklearn", "import mlflow\nfrom sklearn").replace(
    'print("score:", score)\n',
    'print("score:", score)\nwith mlflow.start_run():\n    mlflow.log_params(model.get_params())\n'
    '    mlflow.log_metric("score", score)\n',
)
CALLS_NOTHING = TRACKED.replace("mlflow.log_metric(", "mlflow.log_metrik(")
BREAKS = TRACKED.replace("with mlflow.start_run():", 'with mlflow.start_run(run_id="none-such"):')
PROSE = "MLflow is a fine choice for that. Shall I go on?"


def fenced(text: str) -> str:
    return f"Here is the file:\n\n```python\n{text}```\n"


RIGHT = fenced(TRACKED)


@dataclass
class Ended:
    code: int
    out: str
    err: str
    report: Any

    @property
    def stages(self) -> list[str | None]:
        return [attempt["verdict"]["stage"] for attempt in self.report["attempts"]]


Add = Callable[..., Ended]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def add(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Add:
    """`mlops-bot add mlflow train.py ...` with the report read and validated; backoff is quick."""
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.01)
    report = project.parent / "report.json"

    def run(engine: str, *arguments: str) -> Ended:
        report.unlink(missing_ok=True)
        fixed = ["add", "mlflow", "train.py", "--engine", engine, "--sandbox", "process", "--json", str(report)]
        code = main([*fixed, *arguments])
        said = capsys.readouterr()
        document = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        if document is not None:
            jsonschema.validate(document, SCHEMA)
        assert "Traceback (most recent call last)" not in said.err.partition("What MLflow holds")[0] or code == 1
        assert KEY not in said.out + said.err + json.dumps(document)
        return Ended(code, said.out, said.err, document)

    return run


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., OpenAIServer]]:
    """Starts a server and configures the command line for it."""
    yield from _servers(
        OpenAIServer, {"OPENAI_BASE_URL": "/v1", "OPENAI_API_KEY": KEY, "MLOPS_BOT_MODEL": "gpt-4o"}, monkeypatch
    )


@pytest.fixture
def tgi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TGIServer]]:
    yield from _servers(TGIServer, {"MLOPS_BOT_TGI_URL": "", "HF_TOKEN": KEY}, monkeypatch)


def _servers(kind: Any, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(script: Any, **rules: Any) -> Any:
            server = stack.enter_context(kind(script, **rules))
            for name, value in variables.items():
                monkeypatch.setenv(name, server.url if name.endswith("_URL") else value)
            return server

        yield start


# --- an OpenAI-compatible server ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("ignore_n", [False, True])
def test_three_samples_the_first_verified_one_is_taken(
    add: Add, openai: Callable[..., OpenAIServer], ignore_n: bool
) -> None:
    texts = [PROSE, fenced(CALLS_NOTHING), RIGHT]
    server = openai([Answer([text]) for text in texts] if ignore_n else Answer(texts), ignore_n=ignore_n)
    ended = add("openai", "--samples", "3", "--temperature", "0.7")
    assert ended.code == 0, ended.err
    assert ended.stages == ["parse", "static", None]
    assert [attempt["sample"] for attempt in ended.report["attempts"]] == [0, 1, 2]
    assert {attempt["temperature"] for attempt in ended.report["attempts"]} == {0.7}
    assert len(server.completions) == (3 if ignore_n else 1)
    assert "log_metrik" in ended.report["attempts"][1]["verdict"]["reason"]
    assert PROSE in ended.report["attempts"][0]["answer"]
    assert "+import mlflow" in ended.out


@pytest.mark.slow
def test_tokens_cost_and_seconds_are_reported(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    openai(Answer([RIGHT], usage=(1000, 200)))
    ended = add("openai", "--price", "2,10")
    assert ended.code == 0, ended.err
    (attempt,) = ended.report["attempts"]
    assert attempt["tokens"] == {"input": 1000, "output": 200}
    assert attempt["cost"] == pytest.approx(0.004)
    assert attempt["seconds"] > 0
    assert attempt["finish_reason"] == "stop"
    assert (attempt["engine"], attempt["model"]) == ("openai", "gpt-4o")
    assert ended.report["engine"] == "openai (gpt-4o): verified"
    assert {"prepare", "propose"} <= ended.report["seconds"].keys()


@pytest.mark.slow
def test_passing_failures_are_retried_and_retry_after_is_honoured(
    add: Add, openai: Callable[..., OpenAIServer]
) -> None:
    failures = [openai_server.rate_limited(1), openai_server.SERVER_ERROR, openai_server.DROPPED]
    server = openai([*failures, RIGHT])
    ended = add("openai")
    assert ended.code == 0, ended.err
    assert len(server.completions) == 4
    assert server.requests[1].at - server.requests[0].at >= 1
    assert "is limiting requests (429)" in ended.err
    assert "trying again in" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (openai_server.SERVER_ERROR, "failed (500)"),
        (openai_server.DROPPED, "dropped the connection"),
        (openai_server.rate_limited(3600), "is to be left alone for 3600 s"),
    ],
    ids=["500", "dropped", "429"],
)
def test_lasting_failures_end_in_bounded_time_as_infrastructure(
    add: Add, openai: Callable[..., OpenAIServer], reply: openai_server.Raw, said: str
) -> None:
    server = openai(reply)
    started = time.monotonic()
    ended = add("openai")
    assert time.monotonic() - started < 60
    assert ended.code == 3
    assert said in ended.err
    assert 1 <= len(server.completions) <= 8
    assert ended.report["status"] == "unverified"  # what was done is kept: the original's run
    assert ended.report["baseline"]["exit_code"] == 0


@pytest.mark.slow
def test_an_answer_that_was_cut_off_is_continued(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    middle = len(RIGHT) // 2
    server = openai([openai_server.cut_off(RIGHT[:middle]), RIGHT[middle:]])
    ended = add("openai")
    assert ended.code == 0, ended.err
    assert len(server.completions) == 2
    assert "continuing it" in ended.err
    assert ended.report["attempts"][0]["tokens"]["output"] == 100  # of both calls


@pytest.mark.slow
def test_an_answer_that_stays_cut_off_is_reported_and_never_run(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    pieces = iter(range(1000))
    openai(lambda body: openai_server.cut_off(f"```python\n# part {next(pieces)}\nimport mlflow\n"))
    ended = add("openai", "--repair", "0")
    assert ended.code == 1
    (attempt,) = ended.report["attempts"]
    assert attempt["finish_reason"] == "length"
    assert attempt["verdict"]["stage"] == "parse"
    assert "output limit" in attempt["verdict"]["reason"]
    assert "running the candidate" not in ended.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "code", "reason"),
    [
        (PROSE, 1, "no code"),
        ("", 1, "empty"),
        ("```python\nfor for for\n```\n", 1, "not"),
        (fenced("# ... existing code ...\nmlflow.log_metric('score', score)\n# ... existing code ...\n"), 1, ""),
    ],
    ids=["prose", "empty", "no Python", "elided"],
)
def test_useless_answers_fail_at_parse_with_a_reason(
    add: Add, openai: Callable[..., OpenAIServer], reply: str, code: int, reason: str, project: Path
) -> None:
    openai(Answer([reply]))
    ended = add("openai", "--repair", "0", "--write")
    assert ended.code == code
    assert ended.report["status"] == "failed"
    assert ended.stages == ["parse"]
    said = ended.report["attempts"][0]["verdict"]["reason"]
    assert reason in said
    assert said in ended.err
    assert (project / "train.py").read_text(encoding="utf-8") == TRAIN


@pytest.mark.slow
def test_an_endpoint_that_answers_garbage_is_infrastructure(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    openai(openai_server.GARBAGE)
    ended = add("openai")
    assert ended.code == 3
    assert "no chat completion" in ended.err
    assert "OPENAI_BASE_URL" in ended.err


@pytest.mark.slow
def test_repair_gets_the_real_error(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    server = openai([fenced(BREAKS), RIGHT])
    ended = add("openai")
    assert ended.code == 0, ended.err
    assert ended.stages == ["run", None]
    assert [attempt["repair"] for attempt in ended.report["attempts"]] == [0, 1]
    said = json.dumps(server.completions[1]["messages"])
    assert "none-such" in said
    assert "MlflowException" in said
    assert "asking openai, repair round 1" in ended.err


@pytest.mark.slow
def test_repair_is_bounded(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    server = openai(PROSE)
    assert add("openai", "--repair", "2", "--samples", "2", "--temperature", "1").code == 1
    assert [body.get("n", 1) for body in server.completions] == [2, 1, 1]


@pytest.mark.slow
def test_the_cost_cap_stops_before_the_call(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    server = openai(RIGHT)
    ended = add("openai", "--max-cost", "0.0001", "--price", "100,100")
    assert ended.code == 1
    assert server.completions == []
    assert "--max-cost $0.0001" in ended.err
    assert "could cost $" in ended.report["reason"]


@pytest.mark.slow
def test_a_cost_cap_without_a_price_is_refused(
    add: Add, openai: Callable[..., OpenAIServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = openai(RIGHT)
    ended = add("openai", "--max-cost", "1", "--model", "house-model")
    assert ended.code == 2
    assert server.completions == []
    assert "--price" in ended.err


@pytest.mark.slow
def test_a_wrong_key_is_the_configurations_fault(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    server = openai(RIGHT, key="another")
    ended = add("openai")
    assert ended.code == 2
    assert "OPENAI_API_KEY" in ended.err
    assert len(server.completions) == 1  # nothing to be gained by trying again


@pytest.mark.slow
def test_an_unknown_model_is_the_configurations_fault(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    openai(RIGHT, models=["another"])
    ended = add("openai")
    assert ended.code == 2
    assert "--model" in ended.err


@pytest.mark.slow
def test_an_endpoint_that_is_down_is_infrastructure_and_no_other_is_asked(
    add: Add, openai: Callable[..., OpenAIServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = openai(RIGHT)
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.delenv("OPENAI_API_KEY")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("MLOPS_BOT_TGI_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OPENAI_BASE_URL", other.url)  # configured as well: never a way out
    ended = add("tgi")
    assert ended.code == 3
    assert "cannot be reached" in ended.err
    assert "MLOPS_BOT_TGI_URL" in ended.err
    assert other.requests == []


@pytest.mark.slow
def test_a_long_file_is_asked_for_as_edits_and_only_they_are_paid(
    add: Add, openai: Callable[..., OpenAIServer], project: Path
) -> None:
    filler = "".join(f"def helper_{number}(x):\n    return x + {number}\n\n\n" for number in range(200))
    imports, _, rest = TRAIN.partition("\n\n")
    (project / "train.py").write_text(f"{imports}\n\n\n{filler}{rest}", encoding="utf-8")
    edits = textwrap.dedent("""\
        train.py
        <<<<<<< SEARCH
        from sklearn.linear_model import Ridge
        =======
        import mlflow
        from sklearn.linear_model import Ridge
        >>>>>>> REPLACE

        train.py
        <<<<<<< SEARCH
        print("score:", score)
        =======
        print("score:", score)
        with mlflow.start_run():
            mlflow.log_params(model.get_params())
            mlflow.log_metric("score", score)
        >>>>>>> REPLACE
        """)
    server = openai(edits)
    ended = add("openai")
    assert ended.code == 0, ended.err
    assert "SEARCH" in json.dumps(server.completions[0]["messages"])
    (changed,) = [file for file in ended.report["files"] if file["path"] == "train.py"]
    added = [line for line in changed["diff"].splitlines() if line.startswith("+") and not line.startswith("+++")]
    removed = [line for line in changed["diff"].splitlines() if line.startswith("-") and not line.startswith("---")]
    assert (len(added), len(removed)) == (4, 0)


@pytest.mark.slow
def test_auto_asks_the_model_only_where_the_recipe_does_not_help(add: Add, openai: Callable[..., OpenAIServer]) -> None:
    server = openai(RIGHT)
    ended = add("auto")
    assert ended.code == 0, ended.err
    assert server.requests == []
    assert ended.report["engine"] == "recipe: verified"


# --- a text-generation-inference server -----------------------------------------------------------------------


@pytest.mark.slow
def test_tgi_streams_samples_with_seeds_of_their_own(add: Add, tgi: Callable[..., TGIServer]) -> None:
    server = tgi([PROSE, fenced(CALLS_NOTHING), RIGHT], max_input=16_000, max_total=20_000)
    ended = add("tgi", "--samples", "3", "--temperature", "0.5")
    assert ended.code == 0, ended.err
    assert ended.stages == ["parse", "static", None]
    assert {request.path for request in server.requests} >= {"/info", "/generate_stream"}
    seeds = [body["parameters"]["seed"] for body in server.generations]
    assert len(set(seeds)) == 3
    assert all(body["parameters"]["max_new_tokens"] > 0 for body in server.generations)
    attempt = ended.report["attempts"][2]
    assert attempt["model"] == "WizardLM/WizardCoder-15B-V1.0"
    assert attempt["tokens"]["output"] == -(-len(RIGHT) // tgi_server.TOKEN)
    assert attempt["cost"] is None
    assert "### Instruction:" in server.generations[0]["inputs"]  # WizardCoder's own template


@pytest.mark.slow
def test_tgi_without_the_streaming_route(add: Add, tgi: Callable[..., TGIServer]) -> None:
    server = tgi(RIGHT, max_input=16_000, max_total=20_000, routes=frozenset({"/info", "/generate"}))
    assert add("tgi").code == 0
    assert server.requests[-1].path == "/generate"


@pytest.mark.slow
def test_tgi_retries_what_may_pass(add: Add, tgi: Callable[..., TGIServer]) -> None:
    failures = [tgi_server.OVERLOADED, tgi_server.DROPPED, Generated(RIGHT, drop_after=40)]
    server = tgi([*failures, RIGHT], max_input=16_000, max_total=20_000)
    ended = add("tgi")
    assert ended.code == 0, ended.err
    assert len(server.generations) == 4


@pytest.mark.slow
def test_tgi_whose_window_is_too_small_says_so(add: Add, tgi: Callable[..., TGIServer]) -> None:
    server = tgi(RIGHT, max_input=512, max_total=640)
    ended = add("tgi")
    assert ended.code == 3
    assert "--max-input-tokens" in ended.err
    assert server.generations == []


@pytest.mark.slow
def test_tgi_with_a_wrong_token_or_garbage(add: Add, tgi: Callable[..., TGIServer]) -> None:
    tgi(RIGHT, token="another")
    ended = add("tgi")
    assert ended.code == 2
    assert "HF_TOKEN" in ended.err
    tgi(tgi_server.GARBAGE, max_input=16_000, max_total=20_000)
    assert add("tgi").code == 3


# --- planted keys ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_planted_key_appears_nowhere(project: Path, tmp_path: Path) -> None:
    """A server that repeats the key in all it says, and a candidate that prints and writes its environment."""
    token, password = "hf_planted0123456789abcdef", "planted-index-password"
    nosy = TRACKED.replace("import mlflow\n", "import mlflow\nimport os\n").replace(
        "with mlflow",
        'open("environment.txt", "w").write(repr(dict(os.environ)))\nprint(dict(os.environ))\nwith mlflow',
    )
    answers = [
        openai_server.error(500, f"upstream refused Bearer {KEY}"),
        Answer([f"Your key is {KEY}."]),
        Answer([fenced(nosy)]),
    ]
    cache, report = tmp_path / "cache", tmp_path / "report.json"
    with OpenAIServer(answers) as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MLOPS_BOT_")},
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.url.replace("://", f"://user:{password}@"),
            "HF_TOKEN": token,
            "MLOPS_BOT_CACHE_DIR": str(cache),
            "PYTHONPATH": str(Path(mlops_bot.__file__).parents[1]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "mlops_bot", "add", "mlflow", "train.py", "--engine", "openai", "--model", "m",
             "--sandbox", "process", "--json", str(report), "--out", str(tmp_path / "out")],
            cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        sent = [request.headers["authorization"] for request in server.requests]
    assert len(sent) == 3, done.stderr
    document = report.read_text(encoding="utf-8")
    assert json.loads(document)["attempts"][0]["verdict"]["stage"] == "parse"
    written = {
        path: path.read_bytes()
        for folder in (cache, tmp_path / "out", project)
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert any("verdict" in str(path) for path in written), "the candidate ran, and its verdict is in the cache"
    for secret in (KEY, token, password):
        assert secret not in done.stdout
        assert secret not in done.stderr
        assert secret not in document
        assert [path for path, content in written.items() if secret.encode() in content] == []
