"""Where a rebuild's sources end at this moment: the partitions of its topics, and the newest seal."""

from __future__ import annotations

from contextlib import closing

from commands.store.pool import connect
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import CommittedReader
from consumers.kafka.topics import topic
from domain.events.seal import TOPIC as SEALS
from domain.events.seal import Seal
from projections.runtime.projection import Projection


def topic_ends(address: KafkaAddress, projection: Projection, partitions: int) -> dict[str, dict[str, int]]:
    """Returns E: by topic and partition, the offset behind the last committed record."""
    reader = CommittedReader(address, projection.group, timeout=10.0)
    try:
        partitions_of_topics = [
            (topic(family), number) for family in projection.families for number in range(partitions)
        ]
        found = reader.ends([*partitions_of_topics, (SEALS, 0)])
    finally:
        reader.close()
    ends: dict[str, dict[str, int]] = {}
    for (name, number), offset in found.items():
        ends.setdefault(name, {})[str(number)] = offset
    return ends


def newest_seal(store_url: str) -> tuple[Seal | None, int]:
    """Returns S, and how many events all seals up to it cover."""
    with closing(Seals(store_url)) as seals:
        seal = seals.last()
    if seal is None:
        return None, 0
    with closing(connect(store_url)) as connection, connection.cursor() as c:
        c.execute("SELECT coalesce(sum(count), 0) FROM store.seal WHERE sequence <= %s", (seal.sequence,))
        row = c.fetchone()
    return seal, int(row[0]) if row else 0
