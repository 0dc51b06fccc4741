"""What was scored: an inference log, the results of batch scoring, or a table."""
