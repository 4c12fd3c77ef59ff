"""The read model `identity`: which parties are one customer (merged, or linked later)."""
