"""Builds the documentation index that `mlops_bot.docs` searches. The bot never imports this package."""
