"""Commands on principals, and the API keys that act for them."""
