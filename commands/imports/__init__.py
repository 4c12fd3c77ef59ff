"""Imports of files through the command handlers.

`table.py` reads a CSV file line by line and keeps its bad lines apart, `fields.py` parses single values,
`maven_rows.py` turns lines into normalised rows (pure), `maven_config.py` holds the aliases and dates that
the files leave open (`maven.toml`), `maven_histories.py` makes commands of rows, `maven.py` takes them into
the store, and `report.py` says what came of it.
"""
