"""What tests of the store need: stored events, raw appends in transactions of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any
from uuid import UUID, uuid4

import psycopg2
from psycopg2.extensions import connection

from commands.store.mapper import StoredCrmEvent

INSERT = "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES (%s, %s, %s, %s, %s)"
REMOVE_TRIGGER = "DROP TRIGGER hold_append_lock ON store.event"

_kept = local()


def stored_event(
    id: UUID | None = None,
    version: int = 1,
    *,
    type: str = "crm.test.happened",
    party: UUID | None = None,
    event: bytes = b'{"text":"a\\nb"}',
) -> StoredCrmEvent:
    """An event as the recorder takes it."""
    id = id or uuid4()
    return StoredCrmEvent(
        originator_id=id, originator_version=version, topic=type, state=event, party=party or id
    )


def run(opened: connection, stored: StoredCrmEvent) -> int:
    """Appends on `opened`, in its transaction; the position."""
    with opened.cursor() as cursor:
        cursor.execute(
            INSERT + " RETURNING position",
            (
                str(stored.originator_id),
                stored.originator_version,
                stored.topic,
                str(stored.party),
                psycopg2.Binary(stored.state),
            ),
        )
        return int(cursor.fetchall()[0][0])


def execute(url: str, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Runs one statement in autocommit mode; its rows.

    This thread's session is kept for the next statement: tests ask again and again until something is seen,
    and beginning a session costs ten times what a statement does. One that ended meanwhile, with its server
    or its database, is begun anew.
    """
    if getattr(_kept, "url", None) == url:
        try:
            return _rows(_kept.session, statement, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if not _kept.session.closed:
                raise
    if hasattr(_kept, "session"):
        _kept.session.close()
    _kept.url = None
    _kept.session = psycopg2.connect(url)
    _kept.session.autocommit = True
    _kept.url = url
    return _rows(_kept.session, statement, values)


def _rows(opened: connection, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    with opened.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def session(url: str, *, autocommit: bool = False) -> Iterator[connection]:
    """A connection that is closed at the end, which rolls back what it left open."""
    opened = psycopg2.connect(url)
    opened.autocommit = autocommit
    try:
        yield opened
    finally:
        opened.close()
