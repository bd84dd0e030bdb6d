"""What calls of MLOps libraries are for, in the words that any library's documentation uses for it.

`wandb.init` and `mlflow.start_run` share no word; "start a new run" is what both are documented with. The tables speak of
functionalities, not of components: a new component needs no entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mlops_bot.types import Framework, Functionality

# The last parts of a call's name -> what it is for. The first that matches counts.
_TRACKING: Sequence[tuple[str, str]] = (
    (r"(autolog|automatic\w*|log_automatic)$", "autolog automatic logging of training"),
    (r"(log_model|save_model|register_model|link_model|pyfunc|create_registered_model)$", "log model register model save model"),
    (r"(use_artifact|download\w*|get_artifact|load_artifact)$", "download load artifact files of a run"),
    (r"(log_artifacts?|artifact|add_file|add_dir|log_asset\w*|save|log_file|log_code|upload\w*)$", "log artifact local file upload files"),
    (r"(log_image|image|images|log_figure|figure|plot\w*|log_video|video|audio|histogram|log_histogram\w*|log_confusion\w*)$",
     "log figure image to file of the run"),
    (r"(log_table|table|log_dataset\w*|log_input)$", "log table data dataset input"),
    (r"(config|config\.update|log_params?|log_parameters?|log_hyperparams|hyperparams|setdefaults|params)$",
     "log parameters params of the run"),
    (r"(define_metric|log_metrics?|log|log_scalar|add_scalar|scalar|summary|summary\.update|epoch_end|log_epoch_end)$",
     "log metric metrics value with step"),
    (r"(watch|set_model_graph|log_graph|unwatch)$", "log model gradients parameters graph"),
    (r"(set_tags?|add_tags?|log_others?|tags|set_name|notes|log_text)$", "set tag tags of the run"),
    (r"(finish|end|end_run|close|join|flush|stop)$", "end active run finish"),
    (r"(set_experiment|create_experiment|project|set_project)$", "set experiment create experiment name"),
    (r"(login|set_tracking_uri|api_key|configure|setup)$", "set tracking uri server address credentials"),
    (r"(init|start_run|experiment|offlineexperiment|existingexperiment|start|run)$", "start a new run create active run"),
    (r"(\w*logger)$", "logger of Lightning training framework"),
    (r"(\w*callback)$", "callback of Keras training framework"),
    (r"(sweep|agent|optimizer)$", "hyperparameter search runs child nested runs"),
)  # fmt: skip
_VERSIONING: Sequence[tuple[str, str]] = (
    (r"(clone_from|clone)$", "clone get repository"),
    (r"(create_remote|add_remote|remote|remotes|create_storage\w*)$", "remote storage add configure remote url"),
    (r"(init)$", "init initialize create a new repository"),
    (r"(lfs|track|add|stage\w*|upload\w*)$", "add track data files with versioning"),
    (r"(commit|commits|iter_commits)$", "commit record changes of tracked data"),
    (r"(push|push_tags)$", "push upload tracked data to remote storage"),
    (r"(pull)$", "pull download tracked data from remote storage"),
    (r"(fetch)$", "fetch download data from remote into cache"),
    (r"(checkout|reset|restore|switch|revert)$", "checkout update data files in workspace to a revision"),
    (r"(create_tag|tag|tags)$", "tags revisions all tags of repository"),
    (r"(create_head|branch|branches|heads?|active_branch|create_branch)$", "branches revisions all branches of repository"),
    (r"(diff|is_dirty|untracked_files|status)$", "diff status compare changed tracked data"),
    (r"(remove|rm|delete\w*)$", "remove stop tracking data files"),
    (r"(move|mv|rename)$", "move rename tracked file"),
    (r"(merge|rebase|merge_base)$", "merge changes of branches"),
    (r"(log|blame|show|cat_file|data_stream|read\w*|open)$", "read open file contents at a revision"),
)  # fmt: skip
_TABLES: Mapping[Functionality, Sequence[tuple[str, str]]] = {
    "experiment-tracking": _TRACKING,
    "model-registration": _TRACKING,
    "version-control": _VERSIONING,
}
# What somebody needs who adds a functionality to code that has none of it.
_NEEDED: Mapping[Functionality, Sequence[str]] = {
    "experiment-tracking": (
        "start run as context manager", "log metric value with step", "log params parameters dictionary", "log model artifact",
        "autolog {framework}", "set experiment name",
    ),
    "model-registration": (
        "register model version in model registry", "log model with registered name {framework}", "model signature input example",
        "load registered model", "set alias of a model version",
    ),
    "hyperparameter-optimization": (
        "create study direction sampler pruner", "optimize objective function number of trials timeout",
        "suggest float int categorical of a trial", "report intermediate value should prune {framework}",
        "best params best trial best value", "catch exceptions of failing trials",
    ),
    "model-optimization": (
        "prune model pruning mode ratio", "pruning scheduler step epoch magnitude", "strip pruned model in place",
        "examples inputs ignored scope", "regularization pruning loss", "pruning statistic sparsity",
    ),
    "version-control": (
        "initialize repository", "add track data files", "commit", "remote storage configure", "push data to remote",
        "checkout data of a revision", "pull data from remote",
    ),
}  # fmt: skip
_FRAMEWORKS: Mapping[Framework, str] = {
    "pytorch": "pytorch",
    "lightning": "pytorch lightning",
    "keras": "keras",
    "sklearn": "sklearn",
}


# Everyday words -> words of APIs. For tasks that are told in words: who asks how to "keep a number" means a metric.
_WORDS: Sequence[tuple[str, str]] = (
    (r"numbers?|values?|scores?|loss|accuracy", "metric"),
    (r"hyper-?parameters?|settings?|configurations?|arguments?|options?", "params parameters config"),
    (r"record|keep|write|store|save|report", "log save"),
    (r"pictures?|plots?|charts?|images?", "figure image"),
    (r"folders?|director(y|ies)|files?", "artifact"),
    (r"labels?|notes?|marks?|remember", "tag"),
    (r"close|finish|end|stop", "end finish stop"),
    (r"begin|open|start", "start init create"),
    (r"continue|resume|existing|again", "resume load run_id"),
    (r"server|address|where", "uri"),
    (r"group|project", "experiment"),
    (r"fetch|get|download|restore", "load download get"),
    (r"find|query|filter|compare|which", "search list"),
    (r"erase|remove|drop|delete", "delete remove"),
    (r"automatic(ally)?|by itself", "autolog enable"),
)
_VERSIONING_WORDS: Sequence[tuple[str, str]] = (
    (r"upload|send|publish|share", "push"),
    (r"download|receive", "pull fetch"),
    (r"old(er)?|earlier|previous|back|restore|revert|undo", "checkout rev revision"),
    (r"(start )?track(ing)?|put .* under", "add track"),
    (r"record|snapshot", "commit"),
    (r"remove|delete|forget|stop track(ing)?|no longer", "remove"),
    (r"unused|clean|free|rid", "gc unused"),
    (r"chang(es?|ed)|differen(ce|ces|t)|compare|modified", "diff status"),
    (r"list|which files|contents? of (a|the)", "ls list"),
    (r"rename|move", "move"),
    (r"read|open|load", "read open"),
    (r"address|location|where", "get_url url remote"),
    (r"new|begin|set up|start a", "init"),
    (r"version|tag|branch|history", "rev tags branches commits"),
)
_SEARCH_WORDS: Sequence[tuple[str, str]] = (
    (r"cho(ose|ice|ices)|one of|between|option", "suggest_categorical categorical"),
    (r"integer|number of (layers|units|neurons)|whole number", "suggest_int integer"),
    (r"real|rate|logarithmic|continuous|float", "suggest_float float log"),
    (r"stop|bad|unpromising|early", "prune pruner should_prune"),
    (r"report|intermediate|after each epoch", "report intermediate value step"),
    (r"parallel|processes|database|file|keep", "storage"),
    (r"algorithm|strategy|seed", "sampler"),
    (r"search|optimi[sz]ation|tuning|tune", "study optimize"),
    (r"best|winner", "best_params best_value best_trial"),
    (r"known|given|by hand", "enqueue_trial fixed"),
)
_COMPRESSION_WORDS: Sequence[tuple[str, str]] = (
    (r"spars(e|ity)|zeros?", "prune pruning ratio"),
    (r"leave|skip|exclude|except|not compress\w*", "ignored scope IgnoredScope"),
    (r"epochs?|gradually|increase|schedule", "scheduler"),
    (r"(8|4|int8|eight|four)[- ]?bits?", "quantize compress_weights"),
    (r"remove|take .* away|final|export|deploy", "strip"),
    (r"how much|percentage|statistics?", "pruning_statistic statistics"),
    (r"loss|regulari[sz]ation", "loss regularization"),
    (r"data ?loader|calibration|samples", "dataset"),
)
_WORD_TABLES: Mapping[Functionality, Sequence[tuple[str, str]]] = {
    "experiment-tracking": _WORDS,
    "model-registration": _WORDS,
    "version-control": _VERSIONING_WORDS,
    "hyperparameter-optimization": _SEARCH_WORDS,
    "model-optimization": _COMPRESSION_WORDS,
}


def purpose(call: str, functionality: Functionality | None, *, detail: bool = False) -> str:
    """What a call is for, "" where the tables do not know it. `call` is a qualified name. `detail`: it is the name of
    an argument or attribute, which counts by itself: in `wandb.init(save_code=True)` nothing is saved."""
    known = _TABLES.get(functionality) if functionality else None
    tables = [known] if known is not None else [_TRACKING, _VERSIONING]
    tail = ".".join(call.lower().split(".")[-2:])
    for table in tables:
        for pattern, words in table:
            if re.search(rf"(^|\.){pattern}", tail.rpartition(".")[2] if detail else tail):
                return words
    return ""


def expanded(text: str, functionality: Functionality | None) -> str:
    """A task with the words that an API has for it; "" where there are none to add."""
    table = _WORD_TABLES.get(functionality, ()) if functionality else ()
    added = [words for pattern, words in table if re.search(rf"\b(?:{pattern})\b", text.lower())]
    return f"{text} {' '.join(added)}" if added else ""


def needed(functionality: Functionality, framework: Framework | None) -> Sequence[str]:
    """What has to be looked up to add a functionality, in words."""
    name = _FRAMEWORKS.get(framework, "") if framework else ""
    return [query.format(framework=name).strip() for query in _NEEDED[functionality]]
