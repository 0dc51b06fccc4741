"""What ``churn monitor`` writes: two tables, a page, an MLflow run and a summary in words."""
