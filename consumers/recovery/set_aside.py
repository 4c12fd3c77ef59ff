"""Finds, lists and removes the events that a restored store has recorded since, in the way of those that come
back.

A restored store uses positions that the topics have for other events already, and decides on older states of
its records. It can't keep both. Readers may have acted on the topics' events, so these win. The others are
listed, and removed only when they are in a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from psycopg2.extensions import cursor

from consumers.recovery.stage import Fork, RecoveryRefused

MAX_SHOWN: Final = 10

# If one event is in the way, all that the restored store has recorded is set aside: it was decided on older
# states of the records, and may refer to removed events.
_IN_THE_WAY: Final = """
    CREATE TEMPORARY TABLE aside ON COMMIT DROP AS
    WITH own AS (
        SELECT e.position, e.aggregate_id, e.version FROM store.event e
         WHERE e.position > %(after)s
           AND NOT EXISTS (SELECT FROM published p WHERE p.position = e.position AND p.event = e.event))
    SELECT * FROM own
     WHERE EXISTS (SELECT FROM own o WHERE o.position <= %(upto)s
                      OR EXISTS (SELECT FROM missing m
                                  WHERE m.aggregate_id = o.aggregate_id AND m.version = o.version))
"""
_MISSING: Final = """
    CREATE TEMPORARY TABLE missing ON COMMIT DROP AS
    SELECT p.* FROM published p
     WHERE NOT EXISTS (SELECT FROM store.event e WHERE e.position = p.position AND e.event = p.event)
"""
_ROWS: Final = """
    SELECT e.position, e.aggregate_id, e.version, e.type, e.party, e.event
      FROM store.event e JOIN aside a USING (position) ORDER BY position
"""
_REMOVE: Final = """
    DELETE FROM store.idempotency i USING aside a
     WHERE EXISTS (SELECT FROM ROWS FROM (jsonb_array_elements_text(i.answer -> 'ids'),
                                          jsonb_array_elements_text(i.answer -> 'versions'))
                          AS named (id, version)
                    WHERE named.id::uuid = a.aggregate_id AND named.version::int = a.version);
    DELETE FROM store.claim c USING store.event e JOIN aside a USING (position)
     WHERE e.type = 'crm.customer.reference_added' AND c.id = e.aggregate_id
       AND convert_from(e.event, 'UTF8')::jsonb #> '{data,reference}'
           = jsonb_build_object('source', c.source, 'external_id', c.external_id);
    DELETE FROM store.event e USING aside a WHERE e.position = a.position;
    DELETE FROM store.claim c USING aside a
     WHERE c.id = a.aggregate_id AND NOT EXISTS (SELECT FROM store.event e WHERE e.aggregate_id = c.id);
    DELETE FROM store.contact_index i USING aside a
     WHERE i.person = a.aggregate_id
       AND NOT EXISTS (SELECT FROM store.event e WHERE e.aggregate_id = i.person)
"""


def find_missing(at: cursor) -> None:
    """Fills `missing` with the events that the topics have and the store does not."""
    at.execute(_MISSING)


def find_in_the_way(at: cursor, fork: Fork) -> int:
    """Fills `aside` with the events that the store has instead. Returns their number."""
    at.execute(_IN_THE_WAY, {"after": fork.after, "upto": fork.upto})
    at.execute("SELECT count(*) FROM aside")
    return int(at.fetchall()[0][0])


def refuse(at: cursor, count: int) -> None:
    """Raises `RecoveryRefused`, which names the first of them."""
    at.execute(_ROWS + " LIMIT %s", (MAX_SHOWN,))
    listed = "; ".join(f"{row[0]}: {row[3]} of {row[1]}, version {row[2]}" for row in at.fetchall())
    more = f"; and {count - MAX_SHOWN} more" if count > MAX_SHOWN else ""
    raise RecoveryRefused(
        f"The restored store has recorded {count} events since, where the topics have others "
        f"({listed}{more}). Both can't stand, and nothing was changed. Run `rapport store recover "
        "--set-aside FILE`: it writes them into the file and removes them, so that they can be entered anew."
    )


def remove(at: cursor) -> None:
    """Removes the events of `aside`, and the rows that were recorded with them alone."""
    at.execute(_REMOVE)


def write(at: cursor, file: Path) -> None:
    """Writes the events of `aside` into the new file (mode 0600), a JSON object a line.

    Each line has position, aggregate_id, version, type, party and the event's bytes as a text. The file is
    complete and durable before this returns. Raises `RecoveryRefused` for a file that exists already.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RecoveryRefused(
            f"The file {file} is there already. Nothing was changed. Name another."
        ) from None
    with os.fdopen(descriptor, "wb") as written:
        for line in _lines(at):
            written.write(line)
        written.flush()
        os.fsync(written.fileno())


def _lines(at: cursor) -> Iterator[bytes]:
    names = ("position", "aggregate_id", "version", "type", "party", "event")
    at.execute("DECLARE aside_rows NO SCROLL CURSOR FOR " + _ROWS)
    while True:
        at.execute("FETCH 1000 FROM aside_rows")
        page: list[tuple[Any, ...]] = at.fetchall()
        if not page:
            at.execute("CLOSE aside_rows")
            return
        for row in page:
            said = dict(zip(names, row, strict=True))
            said["event"] = bytes(said["event"]).decode("utf-8", "backslashreplace")
            yield orjson.dumps(said, default=str, option=orjson.OPT_APPEND_NEWLINE)
