"""One module per resource: `opportunities` (reads), `opportunity_moves` (commands), `pipelines`, `records`
(customers, principals, products), `projections`, `health`."""
