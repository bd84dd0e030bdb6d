"""Experiment tracking, whatever the tracker: what a program shows, where a run begins and ends, which files it saves.

What differs between trackers is a `Dialect` (dialect.py), which a component brings.
"""
