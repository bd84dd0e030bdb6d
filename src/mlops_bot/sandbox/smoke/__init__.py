"""Hooks that run INSIDE the sandbox, in the program's own Python: see README.md here.

The files of this folder are copied beside a job and put on PYTHONPATH, where `sitecustomize` loads them under a
private package name. Python 3.9+, standard library and whatever the program itself has imported.
"""
