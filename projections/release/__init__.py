"""The public version of a read model: its schema, the public views, swap and rollback."""
