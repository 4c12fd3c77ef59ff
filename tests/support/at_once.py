"""Many clients of one bus on PostgreSQL, who start together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from commands.bulk.recorder import BulkRecorder
from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Commands, Outcome
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore
from commands.store.application import Crm
from commands.store.claims import ClaimTable
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM
from domain.kernel.errors import DomainError, RequestInProgress
from tests.support.memory import PIPELINES

KEY = b"i" * 32
T = TypeVar("T")


def context() -> Context:
    """A request of now."""
    now = datetime.now(UTC)
    return Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=now, new_id=uuid4)


@dataclass(frozen=True)
class Bus:
    """Commands on a real store."""

    commands: Commands
    claims: ClaimTable

    def do(self, command: Any, **options: Any) -> Outcome:
        """Executes one command."""
        return self.commands.execute(command, context(), **options)

    def recorder(self) -> BulkRecorder:
        """One for a request."""
        return BulkRecorder(self.commands, self.claims, context())

    def versions(self, id: UUID) -> list[int]:
        """The versions of a record's events, in their order."""
        recorder = self.commands.crm.recorder
        return [event.originator_version for event in recorder.select_events(id)]


@contextmanager
def bus(url: str, connections: int = 8) -> Iterator[Bus]:
    """A bus on the store at `url` (role rapport_app)."""
    pool = Pool(url, connections, wait=60)
    keys = PostgresKeyStore(url, FileKek(b"k" * 32))
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, AesGcmCipher(keys)))
    try:
        yield Bus(Commands(crm, Idempotency(pool, KEY), PIPELINES, Identifiers(KEY)), ClaimTable(pool))
    finally:
        keys.close()
        pool.close()


def at_once(count: int, act: Callable[[int], T]) -> list[T | DomainError]:
    """What `act` gives for each number, or how it is refused, by threads that start together."""
    barrier = threading.Barrier(count)

    def one(number: int) -> T | DomainError:
        barrier.wait(60)
        try:
            return act(number)
        except DomainError as refusal:
            return refusal

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def patiently(act: Callable[[], T]) -> T:
    """Repeats it, as the response says, while the same request runs: on a busy machine that can take long."""
    until = time.monotonic() + 60
    while True:
        try:
            return act()
        except RequestInProgress:
            assert time.monotonic() < until, "the same request never ended"


def done(found: Sequence[T | DomainError]) -> list[T]:
    """Those that were not refused."""
    return [each for each in found if not isinstance(each, DomainError)]
