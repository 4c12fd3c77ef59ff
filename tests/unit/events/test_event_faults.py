"""Which errors an event is to blame for, and what of them may be told."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from domain.events.catalogue import CATALOGUE
from domain.kernel.errors import Undecodable, UnknownEventType
from projections.runtime.decode import Category, Decoder, KeyMissing, KeyStoreAway, category_of, told
from projections.runtime.projection import OutOfOrder
from tests.support.histories import HistoryCipher


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (UnknownEventType("crm.x.y"), "unknown_type"),
        (Undecodable("no JSON"), "decode"),
        (KeyMissing("no key"), "key_missing"),
        (KeyError("amount"), "apply"),
        (OutOfOrder("too late"), "apply"),
        (KeyStoreAway(OSError("gone")), None),
        (psycopg2.OperationalError("gone"), None),
        (ConnectionResetError(), None),
        (MemoryError(), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_only_what_the_event_is_to_blame_for_holds_it(error: Exception, category: Category | None) -> None:
    assert category_of(error) == category


class Failing(HistoryCipher):
    """A cipher whose keys are not to be had, when asked for many or for one."""

    def __init__(self, error: Exception, *, late: bool) -> None:
        super().__init__()
        self.error, self.late = error, late

    def load(self, privates: Any) -> None:
        if not self.late:
            raise self.error

    def decrypt(self, event_id: str, private: Any) -> dict[str, Any]:
        raise self.error


def event() -> dict[str, Any]:
    """An event with a private value."""
    persons = {"00000000-0000-4000-8000-000000000001": {"name": "sealed"}}
    return {"position": 1, "id": "a:1", "data": {"private": {"persons": persons}}}


@pytest.mark.parametrize("late", [False, True], ids=["asked for many", "asked for one"])
def test_whatever_the_key_store_raises_is_the_key_stores_fault(late: bool) -> None:
    decoder = Decoder(CATALOGUE, Failing(RuntimeError("does not unwrap\nmore"), late=late))
    with pytest.raises(
        KeyStoreAway, match=r"keys \(does not unwrap\)\. It is tried again .*RAPPORT_KEYS_URL"
    ):
        decoder.open([event()])


def test_a_value_that_was_changed_is_the_events_fault() -> None:
    failed = Decoder(CATALOGUE, Failing(Undecodable("changed"), late=True)).open([event()])
    assert [type(error) for error in failed.values()] == [Undecodable]


@pytest.mark.parametrize(
    "members",
    [
        {"data": None},
        {"data": []},
        {"data": ...},
        {"data": {"private": {"persons": 5}}},
        {"data": {"private": {"persons": {"nobody": {}}}}, "id": ...},
        {"id": ...},
    ],
    ids=["null", "a list", "missing", "persons is a number", "no person, no id", "no id"],
)
def test_an_event_whose_private_part_cannot_even_be_looked_for_is_the_events_fault(
    members: dict[str, Any],
) -> None:
    """And that of no other that is opened with it."""
    bad = {name: value for name, value in (event() | members).items() if value is not ...}
    sound = {"position": 2, "id": "b:1", "data": {}}
    failed = Decoder(CATALOGUE, HistoryCipher()).open([bad, sound])
    assert {position: type(error) for position, error in failed.items()} == {1: Undecodable}


def failed_fold() -> Exception:
    """What a fold raises that meets a value it cannot use."""
    try:
        int("Ada Lovelace")
    except ValueError as error:
        return error
    raise AssertionError


def test_where_private_values_were_open_an_errors_own_words_are_not_told() -> None:
    error = failed_fold()
    assert "Ada" in told(error, private=False)
    assert told(error, private=True).startswith("ValueError in test_event_faults.py, line ")
    assert "Ada" not in told(KeyError("Ada"), private=True)
    assert "crm.x.y" in told(UnknownEventType("crm.x.y"), private=True)


def test_the_databases_words_are_not_told_either_but_where_it_was() -> None:
    error = psycopg2.errors.UniqueViolation("Key (name)=(Ada Lovelace) already exists.")
    assert told(error, private=True) == "UniqueViolation: SQLSTATE None"
