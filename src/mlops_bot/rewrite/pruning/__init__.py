"""What recipes that prune share.

place.py    the loop that trains, the models in it, where pruning begins and ends, what is saved in between
target.py   the sparsity that is asked for: an option, or a constant
epochs.py   how far the training is, for pruning that grows with the epochs
inputs.py   what a model is called with
writing.py  helper functions and their place in the file
"""
