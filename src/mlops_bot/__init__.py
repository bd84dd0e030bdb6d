"""mlops-bot: adds MLOps functions to training code, and proves that they work."""

__version__ = "0.1.0"
