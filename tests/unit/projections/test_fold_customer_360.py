"""The folds of `customer_360` alone: every event has a title, nothing private leaves `person`."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

import orjson
import pytest

from domain.events.catalogue import CATALOGUE
from domain.events.envelope import encode
from domain.events.private import METADATA, Personal
from domain.events.registry import EventType
from projections.customer_360.v1.fold.customers import has_person, person
from projections.customer_360.v1.fold.entries import entry
from projections.customer_360.v1.fold.titles import said
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.record_families import person_families
from projections.runtime.projection import OutOfOrder
from projections.runtime.replay import fold_all
from projections.runtime.search_words import beginnings, words
from tests.support.histories import CIPHER, long_history, opened
from tests.support.payloads import example, example_event

SHOWN = [kind for kind in CATALOGUE.types if kind.family in CUSTOMER_360_V1.families]


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.name)
def test_every_event_has_a_title_without_anything_private(kind: EventType) -> None:
    event = example_event(example(kind.payload))
    data = orjson.loads(encode(event, CATALOGUE, CIPHER))["data"]
    title, changes = said(kind.name, data)
    assert 0 < len(title) <= 500
    assert "{" not in title
    assert "Ada" not in title + orjson.dumps(changes).decode(), (
        "the example's private values are Ada Lovelace"
    )


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("crm.lead.flagged", "Lead flagged"),
        ("crm.privacy.hold_placed", "Privacy hold placed"),
        ("crm.legal_entity.seat_moved", "Legal entity seat moved"),
    ],
)
def test_an_event_without_a_title_of_its_own_is_titled_by_its_type(kind: str, title: str) -> None:
    """Given a type that no title was written for, when its event is folded, then it stands in the timeline: a
    missing title parks no event."""
    event = {
        "id": f"{UUID(int=1)}:1", "type": kind, "subject": str(UUID(int=1)), "partitionkey": str(UUID(int=2)),
        "sequence": f"{1:010d}", "position": 7, "time": "2026-01-01T00:00:00.000000Z",
        "recordedtime": "2026-01-01T00:00:00.000000Z", "authid": str(UUID(int=3)), "authtype": "user",
        "data": {"customer_id": str(UUID(int=2))},
    }  # fmt: skip
    row = entry(None, event)
    assert (row["title"], row["changes"], row["kind"]) == (title, [], kind.split(".")[1])


def test_clear_private_values_stand_in_the_table_of_persons_alone() -> None:
    rows = fold_all(CUSTOMER_360_V1, long_history(800, spread=5, every_family=True).rows, CATALOGUE, opened)
    assert any(row["name"] and row["points"] for row in rows["person"].values())
    private = {"Zo", "Lía", "O'Neil", "example.com", "plugged", "Where is it"}
    for name, table in rows.items():
        text = str(list(table.values()))
        assert name == "person" or not [word for word in private if word in text], name


def known(version: int, what: str, values: dict[str, Any], **data: Any) -> dict[str, Any]:
    """An event of a contact whose private values are opened; None: the key is destroyed."""
    id = str(UUID(int=1))
    return {
        "id": f"{id}:{version}", "type": f"crm.contact.{what}", "subject": id,
        "partitionkey": str(UUID(int=2)), "sequence": f"{version:010d}", "position": version, "data": data,
        "private": {id: values},
    }  # fmt: skip


POINT = {"point_id": str(UUID(int=5)), "kind": "email"}


def test_a_person_once_erased_stays_so_whatever_still_opens() -> None:
    row = person(None, known(1, "registered", {"name": "Zoë Ångström"}))
    row = person(row, known(2, "point_added", {"value": "z@example.com"}, **POINT))
    assert (row["name"], row["points"], row["search"]) == (
        "Zoë Ångström", [POINT | {"value": "z@example.com"}], "zoe angstrom",
    )  # fmt: skip
    row = person(row, known(3, "profile_changed", {"name": None}))
    assert (row["name"], row["points"], row["search"], row["erased"]) == (None, [], "", True)
    row = person(row, known(4, "profile_changed", {"name": "Back again"}))
    assert (row["name"], row["search"], row["erased"]) == (None, "", True)


def test_a_removed_point_is_forgotten() -> None:
    row = person(None, known(1, "registered", {"name": "Zoë"}))
    row = person(row, known(2, "point_added", {"value": "z@example.com"}, **POINT))
    row = person(row, known(3, "point_removed", {}, point_id=POINT["point_id"]))
    assert (row["points"], row["erased"]) == ([], False)


def test_an_event_that_came_twice_is_refused() -> None:
    row = person(None, known(1, "registered", {"name": "Zoë"}))
    with pytest.raises(OutOfOrder):
        person(row, known(1, "registered", {"name": "Zoë"}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Zoë Ångström-Smith", ["zoe", "angstrom", "smith"]),
        ("O'Neil & Sons, Ltd.", ["o", "neil", "sons", "ltd"]),
        ("STRASSE straße", ["strasse"]),
        ("  ", []),
        ("':* | !x\\", ["x"]),
        ("a" * 90, ["a" * 60]),
        ("Ωμέγα 3com", ["ωμεγα", "3com"]),
    ],
)
def test_names_become_words_without_case_accents_and_marks(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_what_is_asked_for_cannot_leave_its_quotes() -> None:
    assert beginnings("x' | 'y") == "'x':* & 'y':*"
    assert beginnings("':*") is None


def test_every_type_with_private_values_of_a_person_is_shown_in_the_table_of_persons() -> None:
    marked = {
        kind.name
        for kind in SHOWN
        for field in dataclasses.fields(kind.payload)
        if isinstance(field.metadata.get(METADATA), Personal)
    }
    shown = {
        kind.name
        for kind in SHOWN
        if has_person({"type": kind.name, "subject": "x", "data": {"private": {"persons": {"x": {}}}}})
    }
    assert marked <= shown
    assert {kind.split(".")[1] for kind in marked} == set(person_families())
