"""Record types as the read models use them: which families belong to a customer, and which events link them.

`identity` and `customer_360` take their lists from here when they are imported, so that a new record type
joins them without a new version. All lists are made from the record types.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.record_types import BUSINESS, PERSONS

_FAMILIES: Final = tuple(each for each in BUSINESS if each in PERSONS or each.customer is not None)


def customer_families() -> tuple[str, ...]:
    """Returns the families whose records are a customer or belong to one: its timeline has their events."""
    return tuple(each.family for each in _FAMILIES)


def person_families() -> tuple[str, ...]:
    """Returns the families whose records are a person, with a name and contact points of its own."""
    return tuple(each.family for each in PERSONS)


def linked_families() -> tuple[str, ...]:
    """Returns the families whose records may have a party of their own, which then can belong to another
    one."""
    return tuple(each.family for each in _FAMILIES if not each.always_in_customers_party)


def first_events() -> Mapping[str, str]:
    """Returns by family the first event type of its records."""
    return MappingProxyType({each.family: each.first_event.name for each in _FAMILIES})


def link_members() -> Mapping[str, str | None]:
    """Returns by event type the member of its data that names the party to which the record's party belongs
    afterwards; None if it belongs to no other. The first events of `linked_families` are among them."""
    found: dict[str, str | None] = {}
    for each in _FAMILIES:
        if not each.always_in_customers_party:
            found[each.first_event.name] = None if each.own_party else each.customer
            found |= each.links
    return MappingProxyType(found)


def given_events() -> frozenset[str]:
    """Returns the event types that link a record to a customer, or to another one than before."""
    return frozenset(
        event.name for each in _FAMILIES for event in each.events if event.name.endswith(".customer_linked")
    )
