"""A topic made anew under a worker is no broker that is away, and what was told of a broker is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from kafka import TopicPartition
from kafka.errors import LogTruncationError

from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import CommittedReader, OutOfRange
from consumers.worker.group import Group
from consumers.worker.groups import Groups
from consumers.worker.timeouts import Timeouts
from consumers.worker.worker import Worker
from projections.control.shares import RUNNING, WAITING, Checkpoint, Share
from tests.support.topics_in_memory import KEY

OPPORTUNITY = "crm.opportunity.v1"


class Truncated:
    """The client's answer where the epoch of what was read is not known to the broker any more."""

    def __init__(self, *assigned: int) -> None:
        self.assigned = {TopicPartition(OPPORTUNITY, partition) for partition in assigned}

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    def poll(self, **_: Any) -> Mapping[Any, Any]:
        raise LogTruncationError({TopicPartition(OPPORTUNITY, 3): None})


class Told:
    """Remembers whether the broker is waited for, and what was said of running."""

    def __init__(self, broker: bool) -> None:
        self.broker = broker
        self.running_again: list[Mapping[int, int]] = []

    def clear(self) -> None:
        """Nothing was told."""

    def running(self, _connection: Any, owned: Mapping[int, int]) -> None:
        self.running_again.append(owned)
        self.broker = False


def group(told: Told, *, heals: bool) -> Group:
    """Of no shares yet."""
    address = KafkaAddress(bootstrap="")
    return Group(address, "g", (OPPORTUNITY,), KEY.public_key(), Timeouts(), cast(Any, told), heals=heals)


def test_records_that_are_not_there_any_more_are_read_again_not_waited_for() -> None:
    reader = CommittedReader.__new__(CommittedReader)
    vars(reader)["_consumer"] = Truncated(2, 3)
    with pytest.raises(OutOfRange, match="lost records that were read already: it was made anew") as caught:
        reader.poll(0.0)
    assert caught.value.place == (OPPORTUNITY, 3)
    vars(reader)["_consumer"] = Truncated(2)
    assert reader.poll(0.0) == {}, "another's partition by now"


def test_a_share_that_goes_to_quarantine_does_not_say_for_ever_that_the_broker_is_away() -> None:
    """With nothing to commit nobody else would take it back."""
    main, told = Told(broker=True), Told(broker=False)
    groups = Groups(group(main, heals=False), group(told, heals=True), cast(Any, None), 60.0)
    worker = Worker.__new__(Worker)
    vars(worker).update(_groups=groups, _finish_write=lambda: True)
    for partition in (2, 3):
        groups.add(Share(partition, 7, Checkpoint()))
    groups.mismatch(cast(Any, None), groups.main, OutOfRange((OPPORTUNITY, 3), 5))
    assert {p: share.state for p, share in groups.quarantine.shares.items()} == {3: WAITING}
    worker._tell_running(cast(Any, None), groups.quarantine)
    assert told.running_again == [{3: 7}]
    assert groups.quarantine.shares[3].state == RUNNING
