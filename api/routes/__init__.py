"""One module per resource: `opportunities` (reads), `opportunity_moves` (commands), `pipelines` (settings
and board), `customers`, `principals`, `products`, `projections` (status of the read models), `health`."""
