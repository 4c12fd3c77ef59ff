"""Imports of files through the command handlers.

`table.py` reads a CSV file line by line and keeps its bad lines apart, `fields.py` parses single values,
`taking.py` records in batches and counts, and `report.py` says what came of it.

Each data set has `<name>_rows.py`, which turns lines into normalised rows (pure), `<name>_config.py` with
what its files leave open (`<name>.toml`), `<name>_histories.py`, which makes commands of rows, and
`<name>.py`, which takes them into the store: `maven` (a pipeline of opportunities), `cdnow` (purchases, with
nothing to configure) and `incidents` (the audit log of a service desk).
"""
