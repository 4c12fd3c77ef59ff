"""Shared by all commands: routes, execution, batches, upserts."""
