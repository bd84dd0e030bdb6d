"""What qualified names mean: which framework they belong to, and what role they play there. Tables and predicates."""

from __future__ import annotations

# Other libraries that train models: top-level module -> how people write it.
OTHER_TRAINERS = {
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "jax": "JAX",
    "flax": "Flax",
    "optax": "Optax",
    "haiku": "Haiku",
    "equinox": "Equinox",
    "transformers": "Transformers",
    "trl": "TRL",
    "sentence_transformers": "Sentence Transformers",
    "setfit": "SetFit",
    "tensorflow": "TensorFlow",
    "fastai": "fastai",
    "ignite": "PyTorch Ignite",
    "skorch": "skorch",
    "paddle": "PaddlePaddle",
    "mxnet": "MXNet",
    "chainer": "Chainer",
    "stable_baselines3": "Stable-Baselines3",
    "ultralytics": "Ultralytics",
    "statsmodels": "statsmodels",
    "prophet": "Prophet",
    "gensim": "Gensim",
    "spacy": "spaCy",
    "pyspark": "Spark ML",
    "h2o": "H2O",
    "tinygrad": "tinygrad",
    "mlx": "MLX",
}
# Fitting one of these prepares data; it is no training.
_SKLEARN_PREPARATION = (
    "sklearn.preprocessing.",
    "sklearn.impute.",
    "sklearn.feature_extraction.",
    "sklearn.feature_selection.",
    "sklearn.random_projection.",
    "sklearn.compose.ColumnTransformer",
    "sklearn.kernel_approximation.",
)
SKLEARN_TRAINING_FUNCTIONS = (
    "sklearn.model_selection.cross_val_score",
    "sklearn.model_selection.cross_validate",
    "sklearn.model_selection.cross_val_predict",
    "sklearn.model_selection.learning_curve",
    "sklearn.model_selection.validation_curve",
    "sklearn.model_selection.permutation_test_score",
    "sklearn.model_selection.LearningCurveDisplay.from_estimator",
    "sklearn.model_selection.ValidationCurveDisplay.from_estimator",
    "sklearn.linear_model.lasso_path",
    "sklearn.linear_model.lars_path",
    "sklearn.linear_model.enet_path",
    "sklearn.linear_model.ridge_regression",
    "sklearn.covariance.graphical_lasso",
    "sklearn.cluster.spectral_clustering",
    "sklearn.cluster.ward_tree",
    "sklearn.decomposition.fastica",
)
KERAS_OPTIMIZERS = {
    name.lower(): name
    for name in (
        "SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lion", "Adafactor",
    )
}  # fmt: skip
# Callables that return a model without being a class.
MODEL_FACTORIES = {
    "torch.hub.load": "torch.nn.Module",
    "timm.create_model": "torch.nn.Module",
    "keras.models.load_model": "keras.Model",
    "keras.saving.load_model": "keras.Model",
    "keras.models.clone_model": "keras.Model",
    "keras.models.model_from_json": "keras.Model",
    "sklearn.pipeline.make_pipeline": "sklearn.pipeline.Pipeline",
    "sklearn.pipeline.make_union": "sklearn.pipeline.FeatureUnion",
    "sklearn.compose.make_column_transformer": "sklearn.compose.ColumnTransformer",
}
# Callables whose result is used like their first argument.
WRAPPERS = (
    "torch.compile",
    "torch.nn.DataParallel",
    "torch.nn.parallel.DataParallel",
    "torch.nn.parallel.DistributedDataParallel",
    "torch.distributed.fsdp.FullyShardedDataParallel",
    "torch.distributed.fsdp.fully_shard",
    "torch.jit.script",
    "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
    "sklearn.base.clone",
    "copy.deepcopy",
    "copy.copy",
    "tqdm.tqdm",
    "tqdm.auto.tqdm",
    "tqdm.notebook.tqdm",
)
# Methods that return the object they are called on.
FLUENT = frozenset(
    {"to", "cuda", "cpu", "double", "float", "half", "bfloat16", "eval", "train", "requires_grad_", "share_memory",
     "apply", "type", "set_params", "set_output", "to_empty", "xpu", "mps"}
)  # fmt: skip


def canonical(name: str) -> str:
    """One spelling for each framework: keras.X for tf.keras, lightning.pytorch.X for pytorch_lightning."""
    for prefix in ("tensorflow.keras", "tensorflow.python.keras", "tensorflow.compat.v2.keras", "tf_keras"):
        if name == prefix or name.startswith(prefix + "."):
            return "keras" + name[len(prefix) :]
    if name.startswith(("keras.src.", "keras.api.")):
        return "keras." + name[10:]
    if name == "pytorch_lightning" or name.startswith("pytorch_lightning."):
        return "lightning.pytorch" + name[len("pytorch_lightning") :]
    if name.startswith("lightning_fabric"):
        return "lightning.fabric" + name[len("lightning_fabric") :]
    if name.startswith("lightning.") and not name.startswith(("lightning.pytorch", "lightning.fabric")):
        return "lightning.pytorch." + name[len("lightning.") :]
    return name


def top(name: str) -> str:
    return name.partition(".")[0]


def last(name: str) -> str:
    return name.rpartition(".")[2]


def is_class_like(name: str) -> bool:
    """By convention: an imported name whose last part begins with a capital letter is a class."""
    word = last(name).lstrip("_")
    return word[:1].isupper()


def is_lightning_module(root: str) -> bool:
    return root.startswith("lightning.pytorch.") and last(root) == "LightningModule"


def is_lightning_trainer(root: str) -> bool:
    return root.startswith("lightning.pytorch.") and last(root) == "Trainer"


def is_torch_loss(root: str) -> bool:
    return root.startswith("torch.nn.") and last(root).endswith("Loss")


def is_torch_module(root: str) -> bool:
    """A network of PyTorch, with the model zoos of its ecosystem. Losses are modules too, but no models."""
    if root.startswith("torch.nn."):
        word = last(root)
        return not (word.endswith("Loss") or word in ("Parameter", "ParameterList", "Buffer") or ".utils." in root
                    or ".init." in root or ".functional." in root)  # fmt: skip
    if root.startswith(("torchvision.models", "timm.", "segmentation_models_pytorch.")):
        return not root.endswith("_Weights")
    return root.startswith(("transformers.", "diffusers.")) and ("Model" in last(root) or "For" in last(root))


def is_torch_optimizer(root: str) -> bool:
    if root.startswith("torch.optim.") and "lr_scheduler" not in root and "swa_utils" not in root:
        return is_class_like(root)
    return root.startswith(("torch_optimizer.", "bitsandbytes.optim.", "timm.optim.", "apex.optimizers."))


def is_scheduler(root: str) -> bool:
    return root.startswith(("torch.optim.lr_scheduler.", "keras.optimizers.schedules."))


def is_keras_model(root: str) -> bool:
    if root in ("keras.Model", "keras.Sequential", "keras.Functional"):
        return True
    if root.startswith(("keras.models.", "keras.applications.", "keras.engine.")):
        return is_class_like(root)
    return top(root) in ("keras_cv", "keras_nlp", "keras_hub") and ".models." in root


def is_keras_optimizer(root: str) -> bool:
    if root.startswith("tensorflow.optimizers."):
        return True
    return root.startswith("keras.optimizers.") and ".schedules." not in root and is_class_like(root)


def is_sklearn_estimator(root: str) -> bool:
    if not root.startswith("sklearn.") or not is_class_like(root):
        return False
    return not root.startswith(
        ("sklearn.metrics.", "sklearn.datasets.", "sklearn.inspection.", "sklearn.utils.", "sklearn.exceptions.")
    ) and not last(root).endswith(("Display", "Fold", "Split", "ShuffleSplit", "Kernel", "Mixin"))


def is_sklearn_preparation(root: str) -> bool:
    return root.startswith(_SKLEARN_PREPARATION) and last(root) not in ("RFE", "RFECV", "SequentialFeatureSelector")


def is_sklearn_metric(name: str) -> bool:
    """A function of sklearn.metrics whose result is one number."""
    if not name.startswith("sklearn.metrics."):
        return False
    word = last(name)
    return word.endswith(("_score", "_error", "_loss", "_deviance", "_ratio", "_coef", "_distance")) or word in ("auc",)


def is_loader(root: str) -> bool:
    return last(root) in ("DataLoader", "DataLoader2", "StatefulDataLoader", "BucketIterator")


def is_fabric(root: str) -> bool:
    return root.startswith("lightning.fabric.") or root in ("lightning.pytorch.Fabric", "accelerate.Accelerator")
