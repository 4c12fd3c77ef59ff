"""Requests and answers: who calls, what fits, problems, page tokens, the OpenAPI document."""
