"""Lead: somebody who may become a customer."""
