"""A topic that is deleted, or made anew, under a running relay stops it with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from kafka.errors import KafkaTimeoutError

from consumers.kafka.address import KafkaAddress
from consumers.relay.agreement import Disagreement
from consumers.relay.seal_buffer import SealBuffer
from consumers.relay.topic_watch import TopicWatch

LEAD, CASE = "crm.lead.v1", "crm.case.v1"
FIRST, SECOND, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)
BOTH = {LEAD: FIRST, CASE: SECOND}
Seen = Mapping[str, UUID] | Exception


def watched(looks: Sequence[Seen]) -> None:
    """So many looks, each of which sees that."""
    answers = iter(looks)

    def ask(_address: KafkaAddress, _topics: Mapping[str, int]) -> Mapping[str, UUID]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = TopicWatch(KafkaAddress(bootstrap=""), ("lead", "case"), SealBuffer(), ask=ask)
    for _ in looks:
        watch.look()


@pytest.mark.parametrize(
    "looks",
    [
        [BOTH, BOTH, BOTH],
        [{LEAD: FIRST}, BOTH, BOTH],  # made by the relay in the meantime
        [BOTH, {LEAD: FIRST}, BOTH, {LEAD: FIRST}, BOTH],  # a broker that starts
        [BOTH, KafkaTimeoutError(), BOTH],
        [BOTH, {LEAD: FIRST}, KafkaTimeoutError(), BOTH],
    ],
)
def test_topics_that_stay_are_no_news(looks: Sequence[Seen]) -> None:
    watched(looks)


@pytest.mark.parametrize(
    ("looks", "sentence"),
    [
        ([BOTH, {LEAD: THIRD, CASE: SECOND}], "crm.lead.v1 was deleted and made anew while the relay ran"),
        ([BOTH, {CASE: SECOND}, {LEAD: THIRD, CASE: SECOND}], "crm.lead.v1 was deleted and made anew"),
        ([BOTH, {LEAD: FIRST}, {LEAD: FIRST}], "crm.case.v1 was deleted while the relay ran"),
        ([BOTH, {}, {}], "crm.case.v1, crm.lead.v1 was deleted"),
    ],
)
def test_topics_that_were_lost_are_named(looks: Sequence[Seen], sentence: str) -> None:
    with pytest.raises(Disagreement, match=rf"{sentence}.*Run `rapport relay republish`"):
        watched(looks)
