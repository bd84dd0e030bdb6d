"""Model registration, whatever the registry: which models a program trains, where that is over, what they are given.

places.py      after which statement a trained model is at hand
trained.py     what is known of one trained model, and what it is called
estimators.py  scikit-learn; networks.py: Keras; modules.py: PyTorch; lightning.py
calls.py       what a PyTorch module is given and answers
recipe.py      from a program to its edits

What differs between registries is a `Registry` (trained.py), which a component brings.
"""
