"""Numbered steps of the control schema: each file of `migrations/` is run once, in order, and never changed.

A new step is a new file `<number>_<subject>.sql`. Plain files: the read side's control tables are few, and
their steps need nothing but SQL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from psycopg2.extensions import cursor as Cursor

from domain.kernel.user_errors import EnvironmentProblem

FOLDER: Final = Path(__file__).parent / "migrations"

_MADE: Final = """
    CREATE SCHEMA IF NOT EXISTS control;
    CREATE TABLE IF NOT EXISTS control.migration (
        number int         PRIMARY KEY,
        name   text        NOT NULL,
        run_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""
# Not by to_regclass(), which a role without rights to the schema may not call.
_IS_MADE: Final = """
    SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'control' AND c.relname = 'migration'
"""


class ReadSideProblem(EnvironmentProblem):
    """The read side does not fit this program. The text says what to do."""


class OlderReadSide(ReadSideProblem):
    """The control tables were not migrated to this program's step."""

    def __init__(self, found: int, newest: int) -> None:
        super().__init__(
            f"The read side's control tables are at step {found}; this program needs step {newest}. "
            "Run `rapport migrate`."
        )


class NewerReadSide(ReadSideProblem):
    """A newer program has changed the control tables."""

    def __init__(self, found: int, newest: int) -> None:
        super().__init__(
            f"The read side's control tables are at step {found}; this program knows steps up to {newest}. "
            "Install the program that migrated it, or a newer one."
        )


def steps(folder: Path = FOLDER) -> list[tuple[int, str, Path]]:
    """Returns number, name and file of every step in order. Raises `ValueError` for a missing or double
    number."""
    found = sorted((int(f.stem.split("_", 1)[0]), f.stem, f) for f in folder.glob("[0-9]*.sql"))
    if [number for number, _, _ in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the steps in {folder.name} are not numbered from 1 on: {[n for _, n, _ in found]}")
    return found


def migrate(c: Cursor) -> list[int]:
    """Runs the missing steps, in the caller's transaction and under its lock. Returns their numbers.

    Raises `NewerReadSide` for a read side that a newer program has changed.
    """
    known = steps()
    c.execute(_MADE)
    c.execute("SELECT number FROM control.migration")
    run = {number for (number,) in c.fetchall()}
    newest = known[-1][0]
    _refuse_newer(max(run, default=0), newest)
    missing = [step for step in known if step[0] not in run]
    for number, name, file in missing:
        c.execute(file.read_text())
        c.execute("INSERT INTO control.migration (number, name) VALUES (%s, %s)", (number, name))
    return [number for number, _, _ in missing]


def check(c: Cursor) -> None:
    """Raises `NewerReadSide`, or `OlderReadSide`, unless the control tables are at this program's step.

    Raises nothing if there are no control tables: the caller that needs them reports that.
    """
    c.execute(_IS_MADE)
    if not c.fetchall():
        return
    c.execute("SELECT coalesce(max(number), 0) FROM control.migration")
    found = int(c.fetchall()[0][0])
    newest = steps()[-1][0]
    _refuse_newer(found, newest)
    if found < newest:
        raise OlderReadSide(found, newest)


def _refuse_newer(found: int, newest: int) -> None:
    if found > newest:
        raise NewerReadSide(found, newest)
