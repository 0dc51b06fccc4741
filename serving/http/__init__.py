"""HTTP plumbing: connections, middleware, limits, API keys, logs and metrics.

Nothing in this package knows about customers or models.
"""
