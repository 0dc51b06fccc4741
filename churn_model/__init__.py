"""The domain: what a customer record is, when it is valid, and how it is scored.

It imports neither MLflow nor a web framework.
"""
