"""Shared by all reads: snapshots, freshness, filters, pages, as-of, private values."""
