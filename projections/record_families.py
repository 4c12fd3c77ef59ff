"""What the read models know of record types: which families belong to a customer, and which events say so.

`identity` and `customer_360` take their lists from here when they are imported, so that a further family
joins them in this one place, without a new version of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Records that are a customer or belong to one.

    `first` is the event that they begin with, `member` the member of its data that names the customer;
    `links` leads from later events to the member that names the party it belongs to from then on (None: it
    stands alone). With `own_party` a record may stand in a party of its own; `person`: it is a person.
    """

    name: str
    first: str
    member: str | None = None
    links: Mapping[str, str | None] = field(default_factory=dict)
    own_party: bool = True
    person: bool = False

    def type(self, what: str) -> str:
        return f"crm.{self.name}.{what}"


_GIVEN: Final = "customer_linked"
_CUSTOMER: Final = "customer_id"
_FAMILIES: Final = (
    _Family(
        name="customer",
        first="registered",
        links={"merged_into": "survivor_id", "unmerged": None},
        person=True,
    ),
    _Family(name="contact", first="registered", own_party=False, person=True),
    _Family(name="lead", first="created", links={_GIVEN: _CUSTOMER, "converted": _CUSTOMER}, person=True),
    _Family(name="opportunity", first="opened", member=_CUSTOMER, links={_GIVEN: _CUSTOMER}),
    _Family(name="case", first="opened", member=_CUSTOMER, links={_GIVEN: _CUSTOMER}),
    _Family(name="interaction", first="recorded", member=_CUSTOMER, links={_GIVEN: _CUSTOMER}),
)


def customer_families() -> tuple[str, ...]:
    """The families whose records are a customer or belong to one: their events stand in its timeline."""
    return tuple(family.name for family in _FAMILIES)


def person_families() -> tuple[str, ...]:
    """The families whose records are a person, with a name and contact points of its own."""
    return tuple(family.name for family in _FAMILIES if family.person)


def linked_families() -> tuple[str, ...]:
    """The families whose records may stand in a party of their own, which then can belong to another one."""
    return tuple(family.name for family in _FAMILIES if family.own_party)


def first_events() -> Mapping[str, str]:
    """By family, the event type that its records begin with."""
    return MappingProxyType({family.name: family.type(family.first) for family in _FAMILIES})


def link_members() -> Mapping[str, str | None]:
    """By event type, the member of its data that names the party to which the record's party belongs from
    then on; None where it then stands alone. The first events of `linked_families` are among them."""
    found: dict[str, str | None] = {}
    first = first_events()
    for family in _FAMILIES:
        if family.own_party:
            found[first[family.name]] = family.member
            found |= {family.type(what): member for what, member in family.links.items()}
    return MappingProxyType(found)


def given_events() -> frozenset[str]:
    """The events that give a record to a customer, or to another one than before."""
    return frozenset(family.type(_GIVEN) for family in _FAMILIES if _GIVEN in family.links)
