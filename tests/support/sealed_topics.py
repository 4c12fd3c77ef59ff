"""A history in sealed topics in memory, assemblers that read it, and one way to tamper with it."""

from __future__ import annotations

from dataclasses import replace

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from consumers.worker.partition_buffer import Place
from consumers.worker.seals import SealAssembler
from projections.control.shares import Checkpoint
from tests.support.histories import long_history
from tests.support.topics_in_memory import KEY, MemoryTopics

OPPORTUNITY = "crm.opportunity.v1"
TOPICS = ("crm.customer.v1", OPPORTUNITY)
ROWS = long_history(150, spread=20).rows
SIZE = 20
START = {partition: Checkpoint() for partition in range(6)}


def sealed_topics() -> MemoryTopics:
    """The history in seals of 20."""
    made = MemoryTopics()
    made.publish_all(ROWS, [SIZE])
    return made


def assembled(topics: MemoryTopics, shares: dict[int, Checkpoint] = START) -> SealAssembler:
    """An assembler that has read everything."""
    assembler = SealAssembler(TOPICS, shares, KEY.public_key())
    for place, records in topics.read(assembler.offsets()).items():
        assembler.feed(place, records)
    return assembler


def taken(assembler: SealAssembler, most: int = 1) -> list[int]:
    """The positions of everything that is handed out."""
    positions = []
    while (batch := assembler.take(most)) is not None:
        positions += [event.position for event in batch.events]
    return positions


def place_with(topics: MemoryTopics, row: StoredRow) -> tuple[Place, int]:
    """Where a row was published, and its index there."""
    place = (f"crm.{row.type.split('.')[1]}.v1", partition_of(row.party, 6))
    records = topics.records[place]
    return place, next(n for n, r in enumerate(records) if r.value == row.event)


VICTIM = ROWS[50]  # in the third seal


def changed(topics: MemoryTopics) -> Place:
    """A value is another one."""
    place, at = place_with(topics, VICTIM)
    topics.records[place][at] = replace(
        topics.records[place][at], value=VICTIM.event.replace(b'"1.0"', b'"1.1"')
    )
    return place


def ends_early(topics: MemoryTopics, place: Place) -> bool:
    """Whether the last seals have nothing for this topic and partition."""
    return int.from_bytes(topics.records[place][-1].headers[0][1], "big") < ROWS[-1].position
