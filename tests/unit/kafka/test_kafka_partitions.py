"""A party is in the partition that every Kafka client's default partitioner gives its key."""

from uuid import UUID

import pytest

from consumers.kafka.producer import recorded_ms
from consumers.kafka.topics import partition_of, place, topic, topic_of

# From Apache Kafka's own UtilsTest (Java): murmur2 of these texts, as signed 32 bit numbers.
MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("text", "hashed"), MURMUR2.items())
@pytest.mark.parametrize("partitions", [1, 6, 7, 48])
def test_the_partition_is_that_of_the_java_client(text: str, hashed: int, partitions: int) -> None:
    assert partition_of(text, partitions) == (hashed & 0x7FFFFFFF) % partitions


def test_the_key_is_the_partys_id_in_ascii() -> None:
    party = UUID("0190a3c4-1111-7222-8333-444455556666")
    assert place(party, 6) == (b"0190a3c4-1111-7222-8333-444455556666", partition_of(str(party), 6))


def test_a_familys_topic_is_named_by_every_type_of_the_family() -> None:
    assert topic("opportunity") == topic_of("crm.opportunity.won") == "crm.opportunity.v1"


def test_a_records_time_is_the_recorded_time_in_whole_milliseconds() -> None:
    event = b'{"time":"2030-01-01T00:00:00.000000Z","recordedtime":"2026-02-03T04:05:06.789999Z","data":{}}'
    assert recorded_ms(event) == 1770091506789
