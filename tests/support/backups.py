"""Databases dumped and put back by PostgreSQL's own programs, with all that belongs to them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from commands.store.pool import connect
from deploy.local.postgres import LocalPostgres, programs


@dataclass(frozen=True)
class Backup:
    """Dumps in `folder` of the databases of these names, each on its server."""

    folder: Path
    databases: Mapping[str, LocalPostgres]

    def restore(self, name: str) -> None:
        """Puts that database in the place of what it has become since."""
        server = self.databases[name].url("postgres")
        with closing(connect(server)) as opened, opened.cursor() as c:
            c.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        _run("pg_restore", "--create", "--exit-on-error", "-d", server, str(self.folder / name))


def back_up(folder: Path, databases: Mapping[str, LocalPostgres]) -> Backup:
    """Dumps them, one after the other in that order, as they are now."""
    for name, server in databases.items():
        _run("pg_dump", "--format", "custom", "--file", str(folder / name), server.url(name))
    return Backup(folder, dict(databases))


def _run(program: str, *words: str) -> None:
    done = subprocess.run(
        [str(programs() / program), *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
