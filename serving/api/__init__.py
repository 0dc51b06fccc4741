"""The API: routes, formats of requests and replies, and the OpenAPI documentation.

HTTP plumbing that knows nothing about customers or models is in ``serving.http``.
"""
