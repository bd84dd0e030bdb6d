"""The command grammar: what is understood, what is refused, and with which suggestion."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.command import VERBS, parse
from mlops_bot.errors import UserError
from mlops_bot.types import FUNCTIONALITIES, Command, Component, Functionality


def component(name: str, title: str, aliases: tuple[str, ...], functionalities: tuple[Functionality, ...]) -> Component:
    return Component(
        name=name,
        title=title,
        aliases=aliases,
        functionalities=functionalities,
        frameworks={},
        imports=(name,),
        requirement=name,
        docs_sources={},
        environment={},
        store=(),
        api_modules=(),
        guide="",
        folder=Path(),
        has_recipe=False,
    )


KNOWN = {
    c.name: c
    for c in (
        component("mlflow", "MLflow", ("ml-flow",), ("experiment-tracking", "model-registration")),
        component("wandb", "Weights & Biases", ("weights-and-biases",), ("experiment-tracking",)),
        component("optuna", "Optuna", (), ("hyperparameter-optimization",)),
    )
}


def test_add_takes_the_first_functionality_of_the_component() -> None:
    assert parse(["add", "mlflow"], components=KNOWN) == Command(
        "add", target="mlflow", functionality="experiment-tracking"
    )


def test_add_with_paths_and_functionality_anywhere() -> None:
    wanted = Command("add", target="mlflow", paths=("a.py", "b/c.py"), functionality="model-registration")
    for words in (
        ["add", "mlflow", "a.py", "b/c.py", "--for", "model-registration"],
        ["ADD", "--for=Model_Registration", "MLFlow", "a.py", "b/c.py", "a.py"],
        ["add", "ml-flow", "--for", "model registration", "a.py", "--", "b/c.py"],
    ):
        assert parse(words, components=KNOWN) == wanted


def test_translate_takes_a_functionality_that_both_provide() -> None:
    assert parse(["translate", "wandb", "mlflow", "t.py"], components=KNOWN) == Command(
        "translate", target="mlflow", source="wandb", paths=("t.py",), functionality="experiment-tracking"
    )


@pytest.mark.parametrize("verb", ["help", "status", "retry"])
def test_verbs_without_arguments(verb: str) -> None:
    assert parse([verb.upper()], components=KNOWN).verb == verb
    with pytest.raises(UserError, match="takes no arguments"):
        parse([verb, "mlflow"], components=KNOWN)
    with pytest.raises(UserError, match="takes no arguments"):
        parse([verb, "--for", "version-control"], components=KNOWN)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ([], "no command", "add COMPONENT"),
        (["   "], "no command", "add COMPONENT"),
        (["ad", "mlflow"], "unknown command `ad`", "`add`"),
        (["frobnicate"], "unknown command", "add COMPONENT"),
        (["add"], "component is missing", "mlflow"),
        (["translate", "wandb"], "component is missing", "translate FROM TO"),
        (["translate"], "components are missing", "translate FROM TO"),
        (["add", "mlfow"], "unknown component `mlfow`", "`mlflow`"),
        (["add", "zzz"], "unknown component", "mlflow, optuna, wandb"),
        (["add", "mlflow", "--for", "experiment-trakcing"], "unknown functionality", "`experiment-tracking`"),
        (["add", "mlflow", "--for", "x"], "unknown functionality", "version-control"),
        (["add", "wandb", "--for", "model-registration"], "does not provide model-registration", "experiment-tracking"),
        (["add", "mlflow", "--for"], "needs a functionality", "experiment-tracking"),
        (["add", "mlflow", "--for", "--for"], "needs a functionality", "experiment-tracking"),
        (["add", "mlflow", "--for=version-control", "--for", "version-control"], "twice", "one command"),
        (["add", "mlflow", "--fro", "x"], "unknown option `--fro`", "`--for`"),
        (["translate", "mlflow", "MLflow"], "would change nothing", "different"),
        (["translate", "wandb", "optuna"], "no functionality in common", "hyperparameter-optimization"),
        (["add", "mlflow", ""], "empty path", "train.py"),
        (["add", "mlflow", *[f"f{i}.py" for i in range(51)]], "51 paths", "split"),
    ],
)
def test_refusals_say_what_to_write(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        parse(words, components=KNOWN)
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x.py", "a/../../x.py", "https://x.example/a.py", "C:x.py", "//host/x", "~/x.py", "a\\b.py",
     "a\nb.py", "a\u202eb.py", "a\u200bb.py", "x" * 400],
)  # fmt: skip
def test_a_comment_may_name_plain_relative_paths_only(path: str) -> None:
    with pytest.raises(UserError, match="path"):
        parse(["add", "mlflow", path], components=KNOWN, origin="comment")


def test_the_command_line_may_name_any_path() -> None:
    assert parse(["add", "mlflow", "/tmp/../x.py"], components=KNOWN).paths == ("/tmp/../x.py",)


words = st.lists(
    st.one_of(
        st.sampled_from([*VERBS, *KNOWN, *FUNCTIONALITIES, "--for", "--", "train.py", "src/train.py"]),
        st.text(max_size=12),
    ),
    max_size=7,
)


@given(words, st.sampled_from(["argv", "comment"]))
def test_anything_is_a_command_or_a_user_error(given_words: list[str], origin: str) -> None:
    refusal = None
    try:
        found = parse(given_words, components=KNOWN, origin=origin)  # type: ignore[arg-type]
    except UserError as error:
        refusal = error
    if refusal is not None:
        assert refusal.hint
        assert all(character.isprintable() for character in str(refusal))
        return
    assert found.verb == given_words[0].strip().lower()
    assert (found.target in KNOWN) == (found.verb in ("add", "translate"))
    if found.target is not None:
        assert found.functionality in KNOWN[found.target].functionalities
    if origin == "comment":
        assert not any(path.startswith("/") or ".." in path.split("/") for path in found.paths)


@given(
    st.sampled_from(sorted(KNOWN)), st.lists(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.py", fullmatch=True), max_size=4)
)
def test_a_written_command_is_read_back(name: str, paths: list[str]) -> None:
    found = parse(["add", name, *paths], components=KNOWN, origin="comment")
    assert found.target == name
    assert found.paths == tuple(dict.fromkeys(paths))
