"""The churn model's domain: what a customer record is, when it is valid, how it is scored."""
