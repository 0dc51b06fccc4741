"""What was scored: the inference log, and the results of batch scoring."""
