"""No payload or state of the catalogue shows a private value when it is printed."""

from __future__ import annotations

import dataclasses

import pytest

from domain.customers.customer import state as customer
from domain.directory.principal import state as principal
from domain.events.catalogue import CATALOGUE
from domain.events.private import METADATA
from domain.events.registry import EventType
from domain.sales.opportunity import state as opportunity


@pytest.mark.parametrize("kind", CATALOGUE.types, ids=lambda kind: kind.name)
def test_private_fields_of_payloads_are_not_printed(kind: EventType) -> None:
    for field in dataclasses.fields(kind.payload):
        assert METADATA not in field.metadata or not field.repr, f"{kind.name}.{field.name}"


@pytest.mark.parametrize(
    ("state", "name"),
    [(customer.Customer, "name"), (principal.Principal, "name"), (opportunity.Close, "note")],
)
def test_private_fields_of_states_are_not_printed(state: type, name: str) -> None:
    assert [field.repr for field in dataclasses.fields(state) if field.name == name] == [False]
