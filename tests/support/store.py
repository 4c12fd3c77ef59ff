"""What tests of the store need: stored events, raw appends in transactions of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg2
from psycopg2.extensions import connection

from commands.store.mapper import StoredCrmEvent

INSERT = "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES (%s, %s, %s, %s, %s)"
REMOVE_TRIGGER = "DROP TRIGGER hold_append_lock ON store.event"


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
    """Runs one statement in autocommit mode; its rows."""
    with session(url, autocommit=True) as opened, opened.cursor() as cursor:
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
