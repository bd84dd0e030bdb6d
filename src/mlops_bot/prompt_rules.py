"""The conditions of the prompts, as data: what decides is in CAPITALS. {component} and {requirement} are filled in.

What holds for one component only belongs in its guide.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_bot.types import Framework, Functionality


@dataclass(frozen=True, slots=True)
class Rules:
    goal: str  # {component} is the component's title
    must: tuple[str, ...]
    keep: str  # what may not change
    frameworks: Mapping[Framework, tuple[str, ...]] = field(default_factory=dict)  # instead of those of FRAMEWORKS


_SAME_TRAINING = (
    "KEEP THE TRAINING ITSELF UNCHANGED: the same seeds, data, model, optimizer, loops, number of epochs, "
    "hyperparameters, default values "
    "and command-line arguments; everything the program prints and every file it writes stay as they are."
)

RULES: dict[Functionality, Rules] = {
    "experiment-tracking": Rules(
        "Add experiment tracking with {component}.",
        (
            "Every execution of the program MUST make exactly ONE run, in an experiment with a name that fits the "
            "program, and the run MUST be "
            "FINISHED when the program ends: also when training raises an error, in which case it must not look "
            "successful.",
            "The hyperparameters that the program really uses (parsed arguments included) MUST be recorded as "
            "parameters, once, before training.",
            "Metrics MUST be the training's OWN values, taken from the variables that hold them: NEVER a constant, "
            "NEVER computed a second time, "
            "NEVER invented. Convert tensors to plain numbers.",
            "Record EVERY epoch's training and evaluation metrics with the epoch as the step, not only the last one. "
            "Batch losses may be "
            "recorded at the interval at which the program already reports them.",
            "Record the trained model or the files that the program writes as artifacts when training is over. Do it "
            "ONCE.",
        ),
        _SAME_TRAINING,
    ),
    "model-registration": Rules(
        "Register the trained model with {component}.",
        (
            "The TRAINED model MUST be registered, after training and evaluation, exactly ONCE per execution: the very "
            "object that was trained, NEVER a copy that was made before.",
            "A model that is only logged is NOT registered UNLESS the name to register it under is given: ALWAYS give "
            "one, fitting the program.",
            "Use the way of saving a model that belongs to the framework of this program, NOT a generic one.",
            "What is registered MUST load in a FRESH process, WITHOUT the files of this program, and predict the same.",
            "The name MUST be the same in every run: NO date, time or run id.",
            "The run in which the model is registered MUST be finished when the program ends.",
        ),
        _SAME_TRAINING,
    ),
    "hyperparameter-optimization": Rules(
        "Add hyperparameter optimization with {component}.",
        (
            "The objective MUST build a NEW model and optimizer for every trial and MUST RETURN the value that is "
            "optimized, as a plain number, "
            "computed by the program's own evaluation.",
            "The value MUST be measured on held-out data: the validation data where the program has some. Data that "
            "are tested ONCE, when training is over, are NOT for the search: hold out a part of the training data, or "
            "cross-validate. The training loss ONLY where nothing is held out at all.",
            "The direction MUST fit the value: minimize a loss, maximize an accuracy.",
            "Every suggested value MUST really be used by the training, and every range MUST include the program's "
            "present default.",
            "When the search is over, print the best value and parameters and train the final model from scratch with "
            "the BEST ones, on the data and for the epochs of the original: EVERYTHING that the program printed and "
            "wrote comes from this final training.",
            "The number of trials MUST be a constant at the top of the file.",
        ),
        "KEEP everything that is not searched unchanged: data, model structure, loss, loops, evaluation and "
        "command-line arguments (new ones "
        "may be added, with defaults).",
        {
            "pytorch": (
                "Make the model, optimizer and scheduler INSIDE of what runs for a trial; load the data outside.",
            ),
            "lightning": (
                "Make a new module and a NEW `Trainer` for every trial; the value is in `trainer.callback_metrics`.",
            ),
            "keras": (
                "Build and compile the model INSIDE of what runs for a trial; the value is the last one of a `val_` "
                "series in the history that `fit` returns.",
            ),
            "sklearn": (
                "Score a trial by cross-validation on the TRAINING data, UNLESS the program has validation data.",
            ),
        },
    ),
    "model-optimization": Rules(
        "Add model optimization DURING training with {component}: pruning.",
        (
            "The model that is TRAINED MUST be pruned, in ALL its convolutional and linear layers: before the first "
            "training step, or more with every epoch. From then on the masks MUST stay in place in EVERY step.",
            "The share of weights to prune MUST be an option or a named constant (0.5 by default), it MUST be what "
            "the library is really given, and it MUST be reached within the epochs that the program runs.",
            "When training is over the masks MUST be made permanent, ONCE, before the model is evaluated for the last "
            "time or saved. What is saved while it trains MUST load into the program's own model as before: NO masks.",
            "Print what was reached (the sparsity), computed from the model's weights, NEVER a constant.",
        ),
        "KEEP everything else unchanged: seeds, data, optimizer, loops, number of epochs, hyperparameters and "
        "command-line arguments (one may be added).",
    ),
    "version-control": Rules(
        "Add version control of the program's data and results with {component}.",
        (
            "Version the files that the program really reads and writes, AFTER they are complete.",
            "NEVER rewrite history, push, or delete anything UNLESS the program already does.",
        ),
        _SAME_TRAINING,
    ),
}

FRAMEWORKS: dict[Framework, tuple[str, tuple[str, ...]]] = {
    "pytorch": (
        "PyTorch",
        (
            "There is NO trainer to hook into: put explicit calls where the loops compute their values; loss tensors "
            "need `.item()`.",
            "Do NOT iterate over a data loader again and do NOT draw random numbers for the new code UNLESS the random "
            "state is kept (torch.random.fork_rng): it would change the training's results.",
        ),
    ),
    "lightning": (
        "PyTorch Lightning",
        (
            "Use what the Trainer offers (a logger, a callback) or the component's own integration; `training_step` "
            "and its kin stay as they are.",
            "Keep the loggers and callbacks that the Trainer already has.",
        ),
    ),
    "keras": (
        "Keras",
        ("Use a callback or the component's own integration with `fit`; keep the callbacks that are already passed.",),
    ),
    "sklearn": (
        "scikit-learn",
        (
            "There are no epochs UNLESS the program loops itself: record the scores that the program computes, after "
            "they are computed.",
        ),
    ),
    "other": ("", ("Change only what you can see to be right for the library that trains here.",)),
}

ALWAYS = (
    "Handle errors of the NEW calls so that a failure of {component} does not stop the training: catch them around "
    "the new calls ONLY, and "
    "print a warning. An error of the TRAINING itself must NEVER be caught, hidden or changed.",
    "Use only functions that exist in the release that is installed ({requirement}). When you are not sure that a "
    "function or argument exists, "
    "do without it.",
    "The program runs without network and without keys: do NOT set a server address, a key or a password UNLESS the "
    "program already does.",
    "Change ONLY the files shown below. The requirement is added for you; do not write other files.",
)
