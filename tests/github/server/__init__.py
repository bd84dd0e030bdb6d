"""The local GitHub. See ../README.md."""
