"""The benchmark: the paper's evaluation with the bot's own pipeline, and the corpus that its checks are measured on."""
