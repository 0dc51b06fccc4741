"""HTTP plumbing: connections, middleware, limits, API keys, logs and metrics.

Nothing here knows what a customer or a model is.
"""
