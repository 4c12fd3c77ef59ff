"""One module per resource.

Commands: `opportunity_moves`, `customers`, `contacts`, `leads`, `case_moves`, `interactions`, `principals`,
`products`. Reads: `opportunities`, `pipelines` (settings and board), `customer_views` (overview, timeline,
search), `customer_records` (by external id, to be read and to be made so), `records` (one record as the store
has it), `cases`, `service` (reports), `projections` (status of the read models), `health`.
"""
