"""The eventsourcing library's own test cases, run against the recorders on PostgreSQL.

Its `NonInterleavingNotificationIDs` case does not apply: batches are meant to interleave.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eventsourcing.tests import persistence as library

from commands.store.pool import Pool
from commands.store.recorder import PostgresAggregateRecorder, PostgresApplicationRecorder
from tests.support.database import migrated

THREADS = 12


class TestAggregateRecorder(library.AggregateRecorderTestCase):
    """`PostgresAggregateRecorder` records and selects as the library says."""

    pool: Pool

    @pytest.fixture(autouse=True)
    def database(self, fresh_database: str) -> Iterator[None]:
        self.pool = Pool(migrated(fresh_database).app, THREADS)
        yield
        self.pool.close()

    def create_recorder(self) -> PostgresAggregateRecorder:
        return PostgresAggregateRecorder(self.pool)


class TestApplicationRecorder(library.ApplicationRecorderTestCase[PostgresApplicationRecorder]):
    """`PostgresApplicationRecorder` also answers positions, selects by them, and can be subscribed to."""

    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = False
    pool: Pool

    @pytest.fixture(autouse=True)
    def database(self, fresh_database: str) -> Iterator[None]:
        self.pool = Pool(migrated(fresh_database).app, THREADS)
        yield
        self.pool.close()

    def create_recorder(self) -> PostgresApplicationRecorder:
        return PostgresApplicationRecorder(self.pool)

    def test_insert_subscribe(self) -> None:
        """The optional case: subscriptions with a start, with topics, stopped before and in between."""
        self.optional_test_insert_subscribe()
