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


def purpose(call: str, functionality: Functionality | None) -> str:
    """What a call is for, "" where the tables do not know it. `call` is a qualified name."""
    known = _TABLES.get(functionality) if functionality else None
    tables = [known] if known is not None else [_TRACKING, _VERSIONING]
    tail = ".".join(call.lower().split(".")[-2:])
    for table in tables:
        for pattern, words in table:
            if re.search(rf"(^|\.){pattern}", tail):
                return words
    return ""


def needed(functionality: Functionality, framework: Framework | None) -> Sequence[str]:
    """What has to be looked up to add a functionality, in words."""
    name = _FRAMEWORKS.get(framework, "") if framework else ""
    return [query.format(framework=name).strip() for query in _NEEDED[functionality]]
