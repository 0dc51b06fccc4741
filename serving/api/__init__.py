"""The API: routes, formats of requests and replies, and the OpenAPI documentation.

HTTP plumbing that does not depend on them is in ``serving.http``.
"""
