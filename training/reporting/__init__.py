"""Reporting: figures, the HTML report, the model card, and what a run logs to MLflow."""
