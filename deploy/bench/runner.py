"""The reference of a rebuild: `eventsourcing`'s own projection runner, with the same fold and tables.

One transaction for each event, with its tracking record, by the library's PostgreSQL module on psycopg 3. It
follows our store, which hands it the events faster than the library's would.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson
import psycopg2
from eventsourcing.persistence import Tracking
from eventsourcing.projection import BaseProjectionRunner, Projection
from psycopg2 import sql

from commands.store.application import Crm
from commands.store.mapper import EventMapper
from commands.store.pool import Pool, connect
from commands.store.recorder import PostgresApplicationRecorder
from deploy.bench.alone import BenchFailed
from deploy.bench.samples import NoSecrets
from domain.events.catalogue import CATALOGUE
from projections.registry import named
from projections.runtime.decode import Decoder, OpeningCipher
from projections.runtime.projection import Projection as ReadModel
from projections.runtime.projection import Row, Table
from projections.runtime.tables import TableStore

EVENTS: Final = 2_000
"""Of the same events: at its rate a few seconds."""
TIMEOUT_SECONDS: Final = 600.0


class RawEventMapper(EventMapper):
    """Leaves events as they are stored: the fold takes mappings, not the library's objects."""

    def to_domain_event(self, stored_event: Any) -> Any:
        """The stored event itself."""
        return stored_event


def runner_rate(name: str, store_url: str, read_url: str, cipher: OpeningCipher | None) -> float:
    """Events a second over the first `EVENTS` of the read model's families, into its empty tables; over all
    of them where the store holds fewer."""
    model = named(name)
    events, last = _first(store_url, model)
    recorder, close = _tracking_recorder(read_url)
    folding = FoldingProjection(
        recorder, model, read_url, Decoder(CATALOGUE, cipher if model.private else None)
    )

    class Followed(Crm):
        """Our store as the library's application, which it makes by itself."""

        def __init__(self, env: Any = None) -> None:  # noqa: ARG002
            super().__init__(
                recorder=PostgresApplicationRecorder(Pool(store_url, 2)),
                mapper=RawEventMapper(CATALOGUE, NoSecrets()),
            )

    topics = [kind.name for kind in CATALOGUE.types if kind.family in model.families]
    begun = time.monotonic()
    with BaseProjectionRunner(
        projection=folding, application_class=Followed, tracking_recorder=recorder, topics=topics
    ) as runner:
        runner.wait(last, timeout=TIMEOUT_SECONDS)
        took = time.monotonic() - begun
    close()
    return events / took


class FoldingProjection(Projection[Any]):
    """The read model's folds, an event at a time."""

    def __init__(self, view: Any, model: ReadModel, url: str, decoder: Decoder) -> None:
        super().__init__(view)
        from psycopg.rows import tuple_row

        self._as_tuples = tuple_row
        self._decoder, self._private = decoder, model.private
        with closing(psycopg2.connect(url)) as spelling:
            self._tables = [(table, *_statements(model, table, spelling)) for table in model.tables]

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Loads the rows, folds, writes them, tracks: all in one transaction."""
        event = self._decoder(tracking.notification_id, domain_event.state)
        if self._private:
            self._decoder.open([event])
        with self.view.datastore.transaction(commit=True) as c:
            rows = c.connection.cursor(row_factory=self._as_tuples)
            for table, load, writes in self._tables:
                for key in table.keys_of(event):
                    found = rows.execute(load, (key,)).fetchone()
                    before = dict(zip(table.columns, found, strict=True)) if found else None
                    values = _values(table, table.fold(before, event))
                    for write in writes:
                        c.execute(write, values)
            self.view._insert_tracking(c, tracking)


def _statements(model: ReadModel, table: Table, spelling: Any) -> tuple[str, Sequence[str]]:
    """How a row is loaded, and how it is written: to the table, and to its history."""
    key, names = sql.Identifier(table.key), list(map(sql.Identifier, table.columns))
    values = sql.SQL(", ").join(sql.SQL(f"%s::{kind}") for kind in table.columns.values())
    columns = sql.SQL(", ").join(names)
    load = sql.SQL("SELECT {} FROM {} WHERE {} = %s::{}").format(
        TableStore.spelled_columns(table),
        sql.Identifier(model.schema, table.name),
        key,
        sql.SQL(table.columns[table.key]),
    )
    changes = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in names)
    writes = [
        sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
            sql.Identifier(model.schema, table.name), columns, values, key, changes
        )
    ]
    if table.history:
        writes.append(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(model.schema, table.history), columns, values
            )
        )
    return load.as_string(spelling), [write.as_string(spelling) for write in writes]


def _values(table: Table, row: Row) -> list[Any]:
    return [
        orjson.dumps(row[name]).decode() if kind == "jsonb" and row[name] is not None else row[name]
        for name, kind in table.columns.items()
    ]


def _first(store_url: str, model: ReadModel) -> tuple[int, int]:
    """How many of the families' events are run over, and the position of the last of them."""
    with closing(connect(store_url)) as connection, connection.cursor() as c:
        c.execute(
            "SELECT count(*), max(position) FROM (SELECT position FROM store.event "
            "WHERE split_part(type, '.', 2) = ANY (%s) ORDER BY position LIMIT %s) AS first",
            (list(model.families), EVENTS),
        )
        row = c.fetchone()
    if row is None or not row[0]:
        raise BenchFailed(f"The store holds no events of {model.name}.")
    return int(row[0]), int(row[1])


def _tracking_recorder(url: str) -> tuple[Any, Any]:
    try:
        from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
    except ImportError as error:
        raise BenchFailed(
            f"The reference, the library's own PostgreSQL module, needs psycopg 3, and that is not installed "
            f"({error}). Run `make .venv`."
        ) from error
    parts = urlsplit(url)
    datastore = PostgresDatastore(
        dbname=parts.path.lstrip("/"),
        host=parts.hostname or "",
        port=parts.port or 5432,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    recorder = PostgresTrackingRecorder(datastore)
    recorder.create_table()
    return recorder, datastore.close
