"""Counts the committed records of topics by reading them: those that a new subscriber would get."""

from __future__ import annotations

from collections.abc import Iterable

from consumers.kafka.address import KafkaAddress
from consumers.kafka.read_all import read_whole


def count_committed(address: KafkaAddress, topics: Iterable[str]) -> dict[str, int]:
    """Returns the committed records per topic, from the first offset to each partition's end at the call.

    A missing topic has none. Raises the errors of `read_whole`.
    """
    counts = dict.fromkeys(topics, 0)
    for topic, _, records in read_whole(address, list(counts)):
        counts[topic] += len(records)
    return counts
