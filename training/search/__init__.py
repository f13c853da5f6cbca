"""Hyperparameter search: a space of settings, trials of them, and the decision for one."""
