"""The schemas of store, keys and read side as PostgreSQL's own program dumps them, grants included."""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from psycopg2 import sql

from commands.store.migrate import migrate
from commands.store.pool import connect
from deploy.local.postgres import LocalPostgres
from projections.release.schema import install
from tests.support.database import PARTITIONS, PASSWORDS

NAMES: Final = ("store", "keys", "read")
LEFT_OUT: Final = (
    r"^\\(un)?restrict .*\n",  # a key drawn anew for each dump
    r"^-- Dumped .*\n",  # versions
    r"^SET \w+ = .*;\n",  # of the session that reads the dump
    r"^SELECT pg_catalog\.set_config.*\n",
    r"^\\connect .*\n",
    r"^--\n(-- .*\n)+--\n",  # titles of what follows
)


def started() -> dict[str, str]:
    """The dumps, from a server started for them."""
    with TemporaryDirectory() as folder:
        server = LocalPostgres(Path(folder) / "postgres", durable=False)
        server.start()
        try:
            return schemas(server)
        finally:
            server.stop()


def schemas(server: LocalPostgres) -> dict[str, str]:
    """The dumps, from three new databases on `server`, one for each part: path and text."""
    names = {part: f"surface_{part}" for part in NAMES}
    with closing(connect(server.url("postgres"))) as admin, admin.cursor() as c, ExitStack() as dropping:
        for name in names.values():
            c.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            dropping.callback(c.execute, drop)
        migrate(
            server.url(names["store"]),
            passwords=PASSWORDS,
            partitions=PARTITIONS,
            keys_admin_url=server.url(names["keys"]),
            read_admin_url=server.url(names["read"]),
            read_side=partial(install, partitions=PARTITIONS),
        )
        return {f"schema/{part}.sql": _dump(server, name) for part, name in names.items()}


def _dump(server: LocalPostgres, database: str) -> str:
    """Schema and grants, in an order of their own; with those of the database and its roles' settings."""
    words = ("--schema-only", "--create", server.url(database))
    done = subprocess.run(
        [str(server.programs() / "pg_dump"), *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout
    for pattern in LEFT_OUT:
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
