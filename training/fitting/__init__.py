"""Fitting: the scorecard, the baselines it is compared with, and the splits into folds."""
