"""The registry and the catalogue: explicit, permanent names, schemas that JSON keeps exactly."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode, encode
from domain.events.private import METADATA
from domain.events.registry import EventType, Registry
from domain.kernel.errors import UnknownEventType
from tests.support.memory import OpenCipher
from tests.support.payloads import example_event, fields_of

# Permanent: the frozen example of each name stays in its folder for good.
FROZEN = Path(__file__).parents[1] / "frozen" / "events"


def test_no_name_was_ever_taken_away() -> None:
    """What a name wrote could not be read without it; and a new one has an example, so that it stays, too."""
    names = {kind.name for kind in CATALOGUE.types}
    frozen = {file.stem.rsplit(".", 1)[0] for file in FROZEN.glob("*.json")}
    assert frozen - names == set(), "These names were taken away or renamed. Put them back."
    assert names - frozen == set(), "These have no frozen example. Run `make freeze`."


def test_names_are_families_and_past_tenses() -> None:
    for kind in CATALOGUE.types:
        assert re.fullmatch(r"crm\.[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", kind.name)
    assert set(CATALOGUE.families) >= {"customer", "opportunity", "principal", "product"}


@pytest.mark.parametrize("kind", CATALOGUE.types, ids=lambda kind: kind.name)
def test_payloads_are_frozen_keyword_only_and_documented(kind: EventType) -> None:
    payload = kind.payload
    assert payload.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(payload))
    assert f"`{kind.name}`" in (payload.__doc__ or "")


@pytest.mark.parametrize("kind", CATALOGUE.types, ids=lambda kind: kind.name)
def test_no_payload_holds_a_float_or_what_json_does_not_keep(kind: EventType) -> None:
    for path, annotation in _leaves(kind.payload, kind.name):
        assert annotation not in (float, complex, bytes, object, Any), f"{path} is a {annotation}"


@pytest.mark.parametrize("kind", CATALOGUE.types, ids=lambda kind: kind.name)
def test_private_fields_stand_at_the_top_where_they_are_found(kind: EventType) -> None:
    for name, (field, annotation) in fields_of(kind.payload).items():
        if METADATA not in field.metadata:
            nested = [part for part in _classes(annotation) if dataclasses.is_dataclass(part)]
            for part in nested:
                assert not [each for each in dataclasses.fields(part) if METADATA in each.metadata], name


def test_version_1_of_a_product_reads_as_version_2() -> None:
    envelope = {
        "type": "crm.product.registered",
        "dataschema": "urn:rapport:crm.product.registered:1",
        "data": {"name": "GTX Pro", "price": "4821", "currency": "USD"},
    }
    assert CATALOGUE.upcast(envelope) == {
        "type": "crm.product.registered",
        "dataschema": "urn:rapport:crm.product.registered:2",
        "data": {"name": "GTX Pro", "list_price": {"amount": "4821", "currency": "USD"}, "references": []},
    }
    assert "list_price" not in envelope["data"], "The given mapping was changed."


def test_the_newest_version_is_handed_back_as_it_is() -> None:
    envelope = {
        "type": "crm.product.discontinued",
        "dataschema": "urn:rapport:crm.product.discontinued:1",
        "data": {},
    }
    assert CATALOGUE.upcast(envelope) is envelope


def test_an_unknown_name_is_no_import() -> None:
    with pytest.raises(UnknownEventType, match=r"The event type os\.system is unknown"):
        CATALOGUE.named("os.system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Third:
    """`crm.thing.done`, version 3."""

    a: str
    b: str
    c: str


def test_upcasters_run_in_their_order_from_the_version_that_was_written() -> None:
    registry = Registry(
        [
            EventType(
                "crm.thing.done",
                Third,
                version=3,
                upcasters=(
                    lambda data: {**data, "b": data["a"] + "2"},
                    lambda data: {**data, "c": data["b"] + "3"},
                ),
            )
        ]
    )
    newest = orjson.loads(encode(example_event(Third(a="x", b="y", c="z")), registry, OpenCipher()))
    for version, data, read in (
        (1, {"a": "x"}, Third(a="x", b="x2", c="x23")),
        (2, {"a": "x", "b": "y"}, Third(a="x", b="y", c="y3")),
        (3, {"a": "x", "b": "y", "c": "z"}, Third(a="x", b="y", c="z")),
    ):
        written = {**newest, "dataschema": f"urn:rapport:crm.thing.done:{version}", "data": data}
        assert decode(orjson.dumps(written), registry, OpenCipher()).payload == read


@pytest.mark.parametrize(
    ("types", "sentence"),
    [
        ([EventType("crm.thing.done", Third), EventType("crm.thing.done", object)], "registered twice"),
        ([EventType("crm.thing.done", Third), EventType("crm.thing.undone", Third)], "registered twice"),
        ([EventType("crm.thing.done", Third, version=2)], "it needs 1 upcasters"),
    ],
)
def test_a_contradictory_list_is_refused(types: list[EventType], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Registry(types)


def _classes(annotation: Any) -> Iterator[Any]:
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal or not arguments:
        yield annotation
        return
    for argument in arguments:
        yield from _classes(argument)


def _leaves(cls: type[Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, (_, annotation) in fields_of(cls).items():
        for part in _classes(annotation):
            if dataclasses.is_dataclass(part):
                yield from _leaves(typing.cast("type[Any]", part), f"{path}.{name}")
            else:
                yield f"{path}.{name}", part
