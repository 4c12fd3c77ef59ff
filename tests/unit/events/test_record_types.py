"""What a record type must have: found here, with a sentence, when a new one lacks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Final
from unittest.mock import MagicMock

import pytest

from commands.dispatch.dispatcher import HANDLERS
from commands.privacy.person import Person
from deploy.settings import CHECKOUT
from domain.activities.interaction import INTERACTION
from domain.events.private import METADATA, SUBJECT, FreeText, Personal
from domain.events.registry import EventType
from domain.kernel.record_type import RecordType
from domain.kernel.references import references_in
from domain.record_types import BUSINESS, PERSONS, RECORD_TYPES
from domain.sales.lead import LEAD
from domain.sales.product import PRODUCT
from tests.support.payloads import example, example_event

FOLDERS: Final = ("domain", "commands", "consumers", "projections", "api", "deploy")
every_record_type = pytest.mark.parametrize("record_type", BUSINESS, ids=lambda each: each.name)


def private_fields(record_type: RecordType) -> Iterator[tuple[EventType, str, Personal | FreeText]]:
    """The private fields of its payloads."""
    for event in record_type.events:
        for field in fields(event.payload):
            if METADATA in field.metadata:
                yield event, field.name, field.metadata[METADATA]


def lacking(record_type: RecordType) -> list[str]:
    """What a record type with private fields lacks, each with what to add."""
    if not any(private_fields(record_type)):
        return []
    needed = {
        "exported_as": (
            record_type.exported_as is not None,
            "its section in what a person gets of their data",
        ),
        "can_be_held": (record_type.can_be_held, "True, so that a legal hold can name one"),
        "audited": (record_type.audited, "True, so that its history is replayed for auditors"),
        "customer or erase": (
            record_type.customer is not None or record_type.erase is not None,
            "the member that names its customer, or the payloads that forget the person it is",
        ),
    }
    return [
        f"The record type {record_type.name} has private fields and no `{name}`. Add it in its __init__.py "
        f"({what}), or say in `because` why it lacks it."
        for name, (there, what) in needed.items()
        if not there
    ]


def unforgotten(record_type: RecordType) -> list[str]:
    """Its private fields whose key no erasure destroys."""
    persons = {each.name for each in PERSONS}
    found = []
    for event, name, marker in private_fields(record_type):
        referred = dict(references_in(event.payload))
        if isinstance(marker, Personal) and marker.of == SUBJECT:
            forgotten = record_type.erase is not None
        elif isinstance(marker, Personal):
            forgotten = marker.of == record_type.customer or referred.get(marker.of) in persons
        else:
            forgotten = record_type.customer is not None or record_type.erase is not None
        if not forgotten:
            found.append(
                f"No erasure destroys the key of {event.name}.{name}. Give {record_type.name} an "
                "`erase` if it is a person; else mark the field personal(of=<the member that names its "
                "customer>), or free_text, and name that member as `customer`."
            )
    return found


@every_record_type
def test_private_data_is_exported_held_audited_and_erased(record_type: RecordType) -> None:
    if record_type.because is None:
        said = [*lacking(record_type), *unforgotten(record_type)]
        assert not said, " ".join(said)
    else:
        assert lacking(record_type), f"{record_type.name} lacks nothing: take its `because` away."


def test_a_record_type_that_lacks_something_is_told_what_to_add() -> None:
    """Given one of those that there are without what they have, then each thing is named."""
    bare = replace(INTERACTION, exported_as=None, can_be_held=False, audited=False, customer=None, erase=None)
    said = lacking(bare)
    assert ["exported_as" in said[0], "can_be_held" in said[1], "audited" in said[2]] == [True] * 3
    assert "no `customer or erase`. Add it in its __init__.py" in said[3]
    assert lacking(PRODUCT) == [], "it has no private fields"


def test_a_private_field_whose_key_stays_for_ever_is_refused() -> None:
    assert unforgotten(LEAD) == []
    said = " ".join(unforgotten(replace(LEAD, erase=None)))
    assert "No erasure destroys the key of crm.lead.created.name." in said
    assert "personal(of=<the member that names its customer>)" in said


def test_a_further_kind_of_person_is_found_by_erasures() -> None:
    """Who a person is, is asked in `commands/privacy/person.py`."""
    known = {each.name for each in fields(Person)}
    missing = [each.name for each in PERSONS if each.plural not in known]
    assert not missing, f"Add {', '.join(missing)} to Person and People.find in commands/privacy/person.py."


@every_record_type
def test_every_command_has_a_decision(record_type: RecordType) -> None:
    assert record_type.decide is not None
    for command in record_type.commands:
        if command not in HANDLERS:
            made = object.__new__(command)  # without values: all but the choice of the case may fail
            try:
                with suppress(AttributeError):
                    record_type.decide(made, MagicMock(), MagicMock())
            except TypeError as error:
                if str(error).startswith("no decision"):
                    pytest.fail(str(error))
            except Exception:  # a decision was made, about nothing
                continue


@every_record_type
def test_every_event_type_has_its_case_in_evolve(record_type: RecordType) -> None:
    evolve = record_type.evolve
    assert evolve is not None
    begun = evolve(None, example_event(example(record_type.first_event.payload)))
    for kind in record_type.events:
        try:
            evolve(begun, example_event(example(kind.payload)))
        except AssertionError:  # of assert_never
            pytest.fail(f"{kind.name} has no case in the evolve() of domain/{record_type.area}.")
        except Exception:  # an example that may not happen then
            continue


def test_names_are_unique_and_those_of_the_events() -> None:
    for names in ([each.name for each in RECORD_TYPES], [each.plural for each in BUSINESS]):
        assert len(names) == len(set(names)), "Two record types have the same name or plural."
    for each in RECORD_TYPES:
        other = [kind.name for kind in each.events if kind.family != each.family]
        assert not other, f"{other} are events of {each.name}: name them crm.{each.family}.<past tense>."


LIST_ALLOWED: Final = re.compile(
    r"domain/record_types\.py|domain/[a-z_]+/[a-z_]+/.*|projections/[a-z0-9_]+/v\d+/.*|consumers/policy/.*"
)
"""Where names may stand in a list: records, folds with their titles, policies."""


def lists_of(names: set[str], source: str) -> Iterator[int]:
    """The lines of a program on which a list of three or more of these names begins."""
    for node in ast.walk(ast.parse(source)):
        parts: Sequence[ast.expr | None] = ()
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = node.keys
        if len({each.value for each in parts if isinstance(each, ast.Constant)} & names) >= 3:
            assert isinstance(node, ast.expr)
            yield node.lineno


def test_no_list_of_record_types_or_events_is_kept_by_hand() -> None:
    types: set[str] = {each.name for each in RECORD_TYPES} | {each.family for each in RECORD_TYPES}
    events: set[str] = {kind.name for each in RECORD_TYPES for kind in each.events}
    found = []
    for folder in FOLDERS:
        for file in sorted((CHECKOUT / folder).rglob("*.py")):
            name = str(file.relative_to(CHECKOUT))
            source = file.read_text(encoding="utf-8")
            if not LIST_ALLOWED.fullmatch(name):
                lines = {*lists_of(types, source), *lists_of(events, source)}
                found += [f"{name}:{line}" for line in sorted(lines)]
    assert not found, (
        f"Lists of three or more record types or events stand in {', '.join(found)}. Make them from "
        "domain/record_types.py, so that a new record type is not forgotten there."
    )


def test_a_list_that_is_kept_by_hand_is_found() -> None:
    names = {"lead", "case", "customer"}
    assert list(lists_of(names, 'a = 1\nb = {"lead": 1, "case": 2, "customer": 3}\n')) == [2]
    assert list(lists_of(names, 'K = Literal["lead", "case", "customer"]\n')) == [1]
    assert list(lists_of(names, 'a = ("lead", "case", "other")\n')) == []
