"""Workers on real Kafka and PostgreSQL: from published seals to rows, shared among processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extras import execute_values

from projections.control.status import projection_status
from tests.support.histories import history_of, long_history
from tests.support.relaying import Relays, query, until
from tests.support.working import ALL, KEY, Publisher, Workers


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics."""
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


def test_every_read_model_follows_what_is_published(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(1_500).rows
    publisher.publish(rows[:1_000], size=100)
    for name in ALL:
        workers.start(name, projection=name)
    for name in ALL:
        workers.until_at(rows[999].position, name)
    publisher.publish(rows[1_000:], size=7)
    for name in ALL:
        workers.until_at(rows[-1].position, name)
    workers.check(rows, ALL)
