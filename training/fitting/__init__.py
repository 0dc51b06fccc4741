"""Fitting: the scorecard, the baselines that it is compared with, and the splits into folds."""
