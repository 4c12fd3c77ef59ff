"""The eventsourcing library's own test cases, run against the recorders on PostgreSQL 15 and 18.

They are unittest cases, which fixtures with parameters can't run twice: hence a class for each. Its
`NonInterleavingNotificationIDs` case does not apply: batches are meant to interleave.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eventsourcing.tests import persistence as library

from commands.store.pool import Pool
from commands.store.recorder import PostgresAggregateRecorder, PostgresApplicationRecorder
from deploy.local.postgres import LocalPostgres
from tests.support.database import new_store
from tests.support.store import execute

THREADS = 12


class _OnPostgres:
    """A pool on a new store of the server that a subclass names."""

    pool: Pool
    server: str
    major: str

    @pytest.fixture(autouse=True)
    def database(self, request: pytest.FixtureRequest) -> Iterator[None]:
        server: LocalPostgres = request.getfixturevalue(self.server)
        with new_store(server) as urls:
            assert execute(urls.app, "SHOW server_version")[0][0].startswith(self.major + ".")
            self.pool = Pool(urls.app, THREADS)
            yield
            self.pool.close()


class _On15(_OnPostgres):
    server = "postgres_15"
    major = "15"


class _On18(_OnPostgres):
    server = "postgres"
    major = "18"


class _Aggregates(_OnPostgres):
    """`PostgresAggregateRecorder` records and selects as the library says."""

    def create_recorder(self) -> PostgresAggregateRecorder:
        return PostgresAggregateRecorder(self.pool)


class _Applications(_OnPostgres):
    """`PostgresApplicationRecorder` also answers positions, selects by them, and can be subscribed to."""

    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = False

    def create_recorder(self) -> PostgresApplicationRecorder:
        return PostgresApplicationRecorder(self.pool)

    def test_insert_subscribe(self) -> None:
        """The optional case: subscriptions with a start, with topics, stopped before and in between."""
        assert isinstance(self, library.ApplicationRecorderTestCase)
        self.optional_test_insert_subscribe()


class TestAggregateRecorderOnPostgreSQL15(_Aggregates, _On15, library.AggregateRecorderTestCase):
    """The library's `AggregateRecorderTestCase`, on PostgreSQL 15."""


class TestAggregateRecorderOnPostgreSQL18(_Aggregates, _On18, library.AggregateRecorderTestCase):
    """The library's `AggregateRecorderTestCase`, on PostgreSQL 18."""


class TestApplicationRecorderOnPostgreSQL15(
    _Applications, _On15, library.ApplicationRecorderTestCase[PostgresApplicationRecorder]
):
    """The library's `ApplicationRecorderTestCase`, on PostgreSQL 15."""


class TestApplicationRecorderOnPostgreSQL18(
    _Applications, _On18, library.ApplicationRecorderTestCase[PostgresApplicationRecorder]
):
    """The library's `ApplicationRecorderTestCase`, on PostgreSQL 18."""
