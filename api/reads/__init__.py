"""What all reads share: one moment, its freshness, filters, pages, as-of, private values."""
