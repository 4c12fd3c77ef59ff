"""A read model of the tests in two versions: one row per customer, its events counted."""
