"""HTTP plumbing: connections, middleware, limits, API keys, logs and metrics.

It imports neither the model nor the routes.
"""
