"""Counts the committed records of topics by reading them: what a subscriber who begins today would get."""

from __future__ import annotations

from collections.abc import Iterable

from consumers.kafka.address import KafkaAddress
from consumers.kafka.read_all import read_whole


def count_committed(address: KafkaAddress, topics: Iterable[str]) -> dict[str, int]:
    """Committed records per topic, from the first offset to where each partition ended at the call.

    A topic that is missing has none. Raises what `read_whole` raises.
    """
    counts = dict.fromkeys(topics, 0)
    for topic, _, records in read_whole(address, list(counts)):
        counts[topic] += len(records)
    return counts
