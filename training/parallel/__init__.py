"""Parallel: the tasks of a training run in worker processes that share the table's memory."""
