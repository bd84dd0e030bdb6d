"""From the name that is imported to the distribution that brings it. A closed table: installing runs code, so a module
that is neither here nor in the project's own requirement files is not guessed."""

from __future__ import annotations

_DIFFERENT = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "bs4": "beautifulsoup4",
    "dotenv": "python-dotenv",
    "mpl_toolkits": "matplotlib",
    "pylab": "matplotlib",
    "pytorch_lightning": "pytorch-lightning",
    "lightning_fabric": "lightning-fabric",
    "tf_keras": "tf-keras",
    "keras_cv": "keras-cv",
    "keras_nlp": "keras-nlp",
    "keras_hub": "keras-hub",
    "keras_tuner": "keras-tuner",
    "tensorflow_datasets": "tensorflow-datasets",
    "tensorflow_probability": "tensorflow-probability",
    "tensorflow_hub": "tensorflow-hub",
    "tensorboardX": "tensorboardX",
    "torch_geometric": "torch-geometric",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "sentence_transformers": "sentence-transformers",
    "stable_baselines3": "stable-baselines3",
    "dateutil": "python-dateutil",
    "attr": "attrs",
    "Crypto": "pycryptodome",
    "git": "gitpython",
    "comet_ml": "comet-ml",
    "skopt": "scikit-optimize",
    "imblearn": "imbalanced-learn",
    "umap": "umap-learn",
    "pkg_resources": "setuptools",
    "absl": "absl-py",
    "hydra": "hydra-core",
    "huggingface_hub": "huggingface-hub",
    "simple_parsing": "simple-parsing",
    "optuna_integration": "optuna-integration",
    "jpeg4py": "jpeg4py",
    "serial": "pyserial",
    "nltk": "nltk",
    "osgeo": "gdal",
    "igraph": "python-igraph",
    "lightning_utilities": "lightning-utilities",
    "mpi4py": "mpi4py",
    "rich_argparse": "rich-argparse",
    "typing_extensions": "typing-extensions",
}
_SAME = (
    "torch", "torchvision", "torchaudio", "torchtext", "torchmetrics", "torchdata", "torchinfo", "torchsummary",
    "lightning", "keras", "tensorflow", "jax", "flax", "optax", "numpy", "scipy", "pandas", "polars", "pyarrow",
    "matplotlib", "seaborn", "plotly", "tqdm", "requests", "joblib", "h5py", "xgboost", "lightgbm", "catboost",
    "mlflow", "wandb", "optuna", "nncf", "dvc", "transformers", "datasets", "tokenizers", "accelerate",
    "diffusers", "timm", "einops", "evaluate", "peft", "albumentations", "kornia", "imageio", "networkx",
    "sympy", "statsmodels", "numba", "click", "typer", "fire", "omegaconf", "rich", "jsonargparse", "tyro",
    "gymnasium", "gym", "pygame", "psutil", "tensorboard", "spacy", "gensim", "sacrebleu", "nibabel", "pydicom",
    "monai", "librosa", "soundfile", "skorch", "ignite", "onnx", "onnxruntime", "pydantic", "attrs", "tabulate",
    "termcolor", "colorama", "loguru", "hyperopt", "ray", "shap", "category_encoders", "botorch", "gpytorch",
    "pyro", "faiss", "onnxscript", "skops", "pooch", "wget", "portalocker", "sentencepiece", "regex", "six",
    "cycler", "setuptools", "toml", "tomli", "ujson", "orjson", "msgpack", "cloudpickle", "dill", "fsspec",
    "ipython", "patsy", "prophet",
)  # fmt: skip
IMPORT_NAMES: dict[str, str] = {
    **{name: name for name in _SAME},
    "ignite": "pytorch-ignite",
    "pyro": "pyro-ppl",
    "faiss": "faiss-cpu",
    "IPython": "ipython",
    **_DIFFERENT,
}
# Distributions that bring the same module; the first is what is installed where the project names none.
# `tensorflow` runs on a CPU everywhere (its CUDA libraries are an extra), tensorflow-cpu has no wheels for macOS.
ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tensorflow-intel", "tensorflow-gpu"),
    "cv2": (
        "opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python",
    ),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "mlflow": ("mlflow", "mlflow-skinny"),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
}  # fmt: skip
# Parts of libraries that need what the library does not bring.
IMPLIED = {
    "lightning.pytorch.cli": "jsonargparse[signatures]",
    "lightning.pytorch.loggers.TensorBoardLogger": "tensorboard",
    "pytorch_lightning.cli": "jsonargparse[signatures]",
    "pytorch_lightning.loggers.TensorBoardLogger": "tensorboard",
    "pytorch_lightning.utilities.cli": "jsonargparse[signatures]",
    "torch.utils.tensorboard": "tensorboard",
}
# Wheels that a machine without a GPU or a screen cannot use, and what serves in their place.
REPLACED = {
    "tensorflow-gpu": "tensorflow",
    "faiss-gpu": "faiss-cpu",
    "onnxruntime-gpu": "onnxruntime",
    "opencv-python": "opencv-python-headless",
    "opencv-contrib-python": "opencv-contrib-python-headless",
}
KERAS_BACKENDS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tensorflow-gpu", "torch", "jax")
