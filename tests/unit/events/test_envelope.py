"""The envelope: its exact bytes, its limits, and what is refused as no event."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given

from domain.directory.principal.events import Registered
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import LIMIT, decode, encode, instant, moment, parse
from domain.events.event import Event
from domain.kernel.errors import EventTooLarge, Undecodable, UnknownEventType
from domain.sales.opportunity.events import Lost, Reopened
from tests.support.memory import OpenCipher
from tests.support.payloads import MOMENTS, example, example_event

REOPENED = example_event(Reopened(from_stage="lost", to_stage="proposal", probability=50, closed_as="lost"))
BYTES = (
    b'{"specversion":"1.0","id":"8a6e0804-2bd0-4672-b79d-d97027f9071a:3","source":"/rapport/opportunity",'
    b'"type":"crm.opportunity.reopened","subject":"8a6e0804-2bd0-4672-b79d-d97027f9071a",'
    b'"partitionkey":"2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d","sequence":"0000000003",'
    b'"time":"2026-02-28T23:30:00.000000Z","recordedtime":"2026-03-01T09:00:00.123456Z",'
    b'"datacontenttype":"application/json","dataschema":"urn:rapport:crm.opportunity.reopened:1",'
    b'"correlationid":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",'
    b'"causationid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8:7",'
    b'"authid":"6ba7b811-9dad-11d1-80b4-00c04fd430c8","authtype":"user",'
    b'"data":{"from_stage":"lost","to_stage":"proposal","probability":50,"closed_as":"lost"}}'
)


def encoded(event: Event) -> bytes:
    return encode(event, CATALOGUE, OpenCipher())


def decoded(data: bytes) -> Event:
    return decode(data, CATALOGUE, OpenCipher())


def test_an_event_is_exactly_these_bytes() -> None:
    assert encoded(REOPENED) == BYTES
    assert decoded(BYTES) == REOPENED


def test_an_event_without_a_cause_says_nothing_of_one() -> None:
    uncaused = dataclasses.replace(REOPENED, cause=None)
    assert encoded(uncaused) == BYTES.replace(b'"causationid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8:7",', b"")
    assert decoded(encoded(uncaused)) == uncaused


def test_private_values_stand_last_in_the_data_and_nowhere_in_clear() -> None:
    data = orjson.loads(encoded(example_event(example(Registered))))["data"]
    assert list(data)[-1] == "private"
    assert b"Ada" not in encoded(example_event(example(Registered)))


def test_the_stored_bytes_can_come_as_a_view() -> None:
    assert decode(memoryview(BYTES), CATALOGUE, OpenCipher()) == REOPENED


def test_members_of_a_newer_writer_are_passed_over() -> None:
    envelope = orjson.loads(BYTES)
    envelope["data"]["later"] = 1
    assert decoded(orjson.dumps({**envelope, "tracestate": "x"})) == REOPENED


def test_an_event_may_take_512_kib_and_not_a_byte_more() -> None:
    empty = len(encoded(_lost("")))
    largest = _lost("x" * (LIMIT - empty))
    assert len(encoded(largest)) == LIMIT
    with pytest.raises(EventTooLarge) as refusal:
        encoded(_lost("x" * (LIMIT - empty + 1)))
    assert str(refusal.value) == (
        "The change takes 524,289 bytes as an event; at most 524,288 are allowed. "
        "Keep long texts as attachments and refer to them."
    )


def _lost(competitor: str) -> Event:
    return example_event(
        Lost(from_stage="a", to_stage="lost", reason="price", competitor=competitor, skipped=())
    )


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda e: e.pop("subject"), "lacks subject"),
        (lambda e: (e.pop("time"), e.pop("data")), "lacks time, data"),
        (lambda e: e.update(data=[]), "is not a JSON object"),
        (lambda e: e.update(subject="x"), "is malformed"),
        (lambda e: e.update(subject=7), "is malformed"),
        (lambda e: e.update(sequence="x"), "is malformed"),
        (lambda e: e.update(time="yesterday"), "is malformed"),
        (lambda e: e.update(correlationid=None), "is malformed"),
        (lambda e: e.update(dataschema="urn"), "names no schema version"),
        (lambda e: e.update(dataschema=None), "names no schema version"),
        (lambda e: e["data"].pop("closed_as"), "does not fit its schema"),
        (lambda e: e["data"].update(closed_as="drawn"), "does not fit its schema"),
        (lambda e: e["data"].update(probability="half"), "does not fit its schema"),
        (
            lambda e: e["data"].update(private={"persons": {str(UUID(int=1)): {"name": "a1.Ingi"}}}),
            "malformed",
        ),
        (lambda e: e["data"].update(private=[1]), "malformed"),
        (lambda e: e.update(type=["crm.opportunity.reopened"]), "malformed"),
        (
            lambda e: e.update(
                type="crm.product.registered", dataschema="urn:rapport:crm.product.registered:1"
            ),
            "does not fit",
        ),
    ],
)
def test_a_malformed_event_is_refused_with_a_sentence(change: Change, sentence: str) -> None:
    envelope = orjson.loads(BYTES)
    change(envelope)
    with pytest.raises(Undecodable, match=sentence) as refusal:
        decoded(orjson.dumps(envelope))
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"id": NaN}', b'"text"', b"[]", b"null"])
def test_bytes_that_are_no_json_object_are_refused(data: bytes) -> None:
    with pytest.raises(Undecodable, match=r"not JSON|must be a JSON object"):
        parse(data)


@pytest.mark.parametrize(
    ("type", "schema", "named"),
    [
        (
            "crm.opportunity.teleported",
            "urn:rapport:crm.opportunity.teleported:1",
            "crm.opportunity.teleported",
        ),
        ("crm.opportunity.reopened", "urn:rapport:crm.opportunity.reopened:2", "reopened version 2"),
        ("crm.opportunity.reopened", "urn:rapport:crm.opportunity.reopened:0", "reopened version 0"),
    ],
)
def test_a_type_or_version_of_a_newer_program_is_named_with_what_to_do(
    type: str, schema: str, named: str
) -> None:
    envelope = {**orjson.loads(BYTES), "type": type, "dataschema": schema}
    with pytest.raises(UnknownEventType, match=named) as refusal:
        decoded(orjson.dumps(envelope))
    assert "Install the version that wrote it" in str(refusal.value)


def test_instants_are_utc_with_six_decimals_so_that_text_order_is_time_order() -> None:
    summer = timezone(timedelta(hours=2))
    assert instant(datetime(2026, 7, 1, 2, tzinfo=summer)) == "2026-07-01T00:00:00.000000Z"
    assert instant(datetime(33, 4, 3, 15, tzinfo=UTC)) == "0033-04-03T15:00:00.000000Z"
    with pytest.raises(ValueError, match="needs a zone"):
        instant(datetime(2026, 7, 1))  # noqa: DTZ001


@given(MOMENTS, MOMENTS)
def test_instants_keep_moments_and_their_order(one: datetime, other: datetime) -> None:
    assert moment(instant(one)) == one
    assert moment(instant(one)).tzinfo is UTC
    assert (instant(one) < instant(other)) == (one < other)
