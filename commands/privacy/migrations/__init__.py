"""The key store's schema, version by version (alembic), as plain SQL beside it.

Laid out as `commands/store/migrations`.
"""
