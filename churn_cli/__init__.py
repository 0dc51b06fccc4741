"""The ``churn`` program: one command line over training, serving and batch scoring."""
