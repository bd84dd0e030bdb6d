"""Tracking code moved from one tracker to another: each call is read into an operation, and written in other words.

readers.py   a program's calls of W&B, MLflow or Comet -> operations
writers.py   an operation -> the statement of W&B, MLflow or Comet
translate.py both together, in the program's text
"""
