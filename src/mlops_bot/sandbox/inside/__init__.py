"""What runs on the inner side of a sandbox. Never imported by mlops_bot: sent in, or started, as source.

Standard library only, Python 3.9 syntax: it runs on whatever interpreter the runtime brings.
"""
