"""The hardened HTTP server for a registered model.

It speaks MLflow's scoring protocol and adds API keys, rate limits, validation errors, logs, metrics
and documentation.
"""
