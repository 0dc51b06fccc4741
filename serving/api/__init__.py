"""The API: routes, request and reply formats, and the OpenAPI documentation."""
