"""The event store's schema, version by version (alembic), as plain SQL beside it.

`versions/` lists the steps, `sql/v<number>/` holds what a step runs, one object a file; those files are never
changed once released. `sql/database.sql` and `sql/grants.sql` run at every migration.
"""
