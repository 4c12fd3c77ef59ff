"""What the read models know of record types: which families belong to a customer, and which events say so.

`identity` and `customer_360` take their lists from here when they are imported, so that a new record type
joins them without a new version of them. Everything is made from the record types.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.record_types import BUSINESS, PERSONS

_FAMILIES: Final = tuple(each for each in BUSINESS if each in PERSONS or each.customer is not None)


def customer_families() -> tuple[str, ...]:
    """The families whose records are a customer or belong to one: their events stand in its timeline."""
    return tuple(each.family for each in _FAMILIES)


def person_families() -> tuple[str, ...]:
    """The families whose records are a person, with a name and contact points of its own."""
    return tuple(each.family for each in PERSONS)


def linked_families() -> tuple[str, ...]:
    """The families whose records may stand in a party of their own, which then can belong to another one."""
    return tuple(each.family for each in _FAMILIES if not each.always_in_customers_party)


def first_events() -> Mapping[str, str]:
    """By family, the event type that its records begin with."""
    return MappingProxyType({each.family: each.first_event.name for each in _FAMILIES})


def link_members() -> Mapping[str, str | None]:
    """By event type, the member of its data that names the party to which the record's party belongs from
    then on; None where it then stands alone. The first events of `linked_families` are among them."""
    found: dict[str, str | None] = {}
    for each in _FAMILIES:
        if not each.always_in_customers_party:
            found[each.first_event.name] = None if each.own_party else each.customer
            found |= each.links
    return MappingProxyType(found)


def given_events() -> frozenset[str]:
    """The events that give a record to a customer, or to another one than before."""
    return frozenset(
        event.name for each in _FAMILIES for event in each.events if event.name.endswith(".customer_linked")
    )
