"""A read model in memory, fed with batches of whole seals as a worker feeds PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consumers.kafka.topics import topic
from consumers.worker.partition_buffer import SEAL_PLACE
from consumers.worker.seals import Batch, SealAssembler
from domain.events.catalogue import CATALOGUE
from projections.control.shares import Checkpoint
from projections.runtime.decode import Decoder
from projections.runtime.projection import Projection, Row
from projections.runtime.replay import Rows
from tests.support.histories import opened
from tests.support.topics_in_memory import KEY, MemoryTopics


class MemoryModel:
    """Rows and standings of one projection; what it holds is what was committed."""

    def __init__(self, projection: Projection, partitions: int = 6) -> None:
        self.projection = projection
        self.rows: Rows = {}
        for table in projection.tables:
            self.rows[table.name] = {}
            if table.history:
                self.rows[table.history] = {}
        self.standings = {partition: Checkpoint() for partition in range(partitions)}
        self.positions: list[int] = []
        self._decode = Decoder(CATALOGUE)

    def gatherer(self, *, reread: Iterable[int] = (), seals_from_start: bool = False) -> SealAssembler:
        """Begins to gather at what is committed."""
        topics = [topic(family) for family in self.projection.families]
        again = {(name, partition) for name in topics for partition in reread}
        return SealAssembler(
            topics,
            self.standings,
            KEY.public_key(),
            again=again | {SEAL_PLACE} if seals_from_start else again,
        )

    def commit(self, batch: Batch) -> None:
        """Folds a batch and takes over its standings."""
        for received in batch.events:
            self.positions.append(received.position)
            self._apply(opened(self._decode(received.position, received.value)), self.rows)
        self.standings |= {partition: standing for partition, (standing, _) in batch.moved.items()}

    def fold_and_lose(self, batch: Batch) -> None:
        """Folds a batch and dies before the commit: nothing of it may show."""
        lost = {name: dict(table) for name, table in self.rows.items()}
        for received in batch.events:
            self._apply(opened(self._decode(received.position, received.value)), lost)

    def _apply(self, event: dict[str, Any], rows: Rows) -> None:
        for table in self.projection.tables:
            for key in table.keys_of(event):
                row: Row = table.fold(rows[table.name].get(key), event)
                rows[table.name][key] = row
                if table.history:
                    rows[table.history][f"{key}/{row['version']}"] = row

    def catch_up(
        self, topics: MemoryTopics, gatherer: SealAssembler | None = None, most: int = 10_000
    ) -> None:
        """Reads to the end and commits what is whole."""
        gatherer = gatherer or self.gatherer()
        for place, records in topics.read(gatherer.offsets()).items():
            gatherer.feed(place, records)
        while (batch := gatherer.take(most)) is not None:
            self.commit(batch)
