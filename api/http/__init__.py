"""Requests and responses: callers, bounds, problems, page tokens, the OpenAPI document."""
