"""Case: a question, a complaint, an incident or a request."""
