"""Law 10: decode of encode is the identity, for every event type. Old versions: `tests/unit`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode, encode, parse
from domain.events.event import Event
from domain.events.registry import EventType
from tests.support.memory import OpenCipher
from tests.support.payloads import events

# Encoding a generated event is cheap; making thousands of data classes is what takes the time.
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", CATALOGUE.types, ids=lambda kind: kind.name)
def test_decode_of_encode_is_the_identity(kind: EventType) -> None:
    @FEW
    @given(event=events(kind.payload))
    def law(event: Event) -> None:
        cipher = OpenCipher()
        encoded = encode(event, CATALOGUE, cipher)
        read = decode(encoded, CATALOGUE, cipher)
        assert read == event
        assert encode(read, CATALOGUE, cipher) == encoded

    law()


@FEW
@given(data=st.data())
def test_none_is_never_written(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(CATALOGUE.types))
    encoded = encode(data.draw(events(kind.payload)), CATALOGUE, OpenCipher())
    assert None not in _leaves(parse(encoded))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in _leaves(member)]
    if isinstance(value, list):
        return [leaf for member in value for leaf in _leaves(member)]
    return [value]
