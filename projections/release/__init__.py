"""Which version of a read model is public: its schema, the public views, swap and rollback."""
