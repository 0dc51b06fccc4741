"""The ``churn`` program: one command line for training, serving and batch scoring."""
