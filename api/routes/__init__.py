"""One module per resource: `opportunities` (reads), `opportunity_moves` (commands), `pipelines` (configuration
and board), `customers`, `principals`, `products`, `projections` (status of the read models), `health`."""
