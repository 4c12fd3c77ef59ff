"""Who a person is: every customer, lead and contact that is the same one, and whatever belongs to them alone.

Merges come from the records themselves; leads and records linked later come from the read model `identity`,
once it has caught up with the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from commands.store.application import Crm
from commands.store.privacy_events import PrivacyEvents
from domain.customers.contact import state as contact
from domain.customers.contact.state import Contact
from domain.customers.customer import CUSTOMER
from domain.customers.customer import state as customer
from domain.customers.customer.state import Customer
from domain.kernel.errors import DomainError, Invalid
from domain.record_types import person
from domain.sales.lead import state as lead
from domain.sales.lead.state import Lead


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedParties:
    """What the read side knows of a customer: its `parties`, records of other parties given to it, and those
    of its parties that were given `away`."""

    parties: tuple[UUID, ...]
    incoming: tuple[UUID, ...]
    away: tuple[UUID, ...] = ()


class IdentityBehind(DomainError):
    """Who belongs to the person is not known yet."""

    code = "identity-behind"

    def __init__(self, position: int, found: int) -> None:
        super().__init__(
            f"The read model identity stands at position {found}, and the store is at {position}: somebody "
            "who is the same person could be missed, so nothing was done. Repeat it when its workers have "
            "caught up; see `rapport projection status`."
        )


Links = Callable[[UUID, int], LinkedParties]
"""Returns a party's links once the read side has passed a position, else raises a `DomainError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with all records that are theirs.

    `parties` are all members, of records without a customer too; keys of `parties` and contacts close what is
    personal. `incoming` are records that were given to the person later and stay in another's party; `away`
    are others' now.
    """

    customers: tuple[Customer, ...]
    contacts: tuple[Contact, ...]
    leads: tuple[Lead, ...]
    parties: tuple[UUID, ...]
    incoming: tuple[UUID, ...]
    away: tuple[UUID, ...]

    @property
    def keys(self) -> tuple[UUID, ...]:
        """Whose keys close what is personal here, sorted."""
        return tuple(sorted({*self.parties, *(each.id for each in self.contacts)}))


class People:
    """Finds persons in the store of `crm`, with `links` of the read side."""

    def __init__(self, crm: Crm, links: Links) -> None:
        self._crm, self._links = crm, links
        self._events = PrivacyEvents(crm.pool)

    def find(self, kind: str, id: UUID) -> Person:
        """The whole person. Raises `NotFound`, and `Invalid` for an organisation.

        A contact, or a converted lead, of an organisation is a person by itself; of a customer that is a
        person it is that one. `kind` is the name of a record type that is a person; `Invalid` for another.
        """
        if person(kind) is CUSTOMER:
            found = self._crm.load("customer", customer.evolve, id)
            if found.kind == "organisation":
                raise _organisation(id)
            return self._customer(found)
        if kind == "contact":
            found_contact = self._crm.load("contact", contact.evolve, id)
            return self._of(found_contact.customer_id) or self._people((), [found_contact], ())
        lead_found = self._crm.load("lead", lead.evolve, id)
        theirs = lead_found.customer_id
        if theirs is not None and (whole := self._of(theirs)) is not None:
            return whole
        contacts = []
        if lead_found.contact_id is not None:
            contacts.append(self._crm.load("contact", contact.evolve, lead_found.contact_id))
        return self._people((), contacts, [lead_found], parties=[id])

    def contacts(self, parties: Iterable[UUID]) -> list[Contact]:
        """The contacts at these customers."""
        return [
            self._crm.load("contact", contact.evolve, each)
            for each in self._events.contacts_of(list(parties))
        ]

    def linked(self, party: UUID, position: int) -> tuple[UUID, ...]:
        """Records of other parties that were given to this one. Raises as `find` does."""
        return self._links(party, position).incoming

    def _of(self, customer_id: UUID) -> Person | None:
        """The person that this customer is, None for an organisation."""
        found = self._crm.find(customer.evolve, customer_id)
        return None if found is None or found.kind == "organisation" else self._customer(found)

    def _customer(self, found: Customer) -> Person:
        members = self._members(found)
        head = self._crm.recorder.max_notification_id() or 0
        survivor = next(each for each in members.values() if each.survivor_id not in members)
        linked = self._links(survivor.id, head)
        families = self._events.families([id for id in linked.parties if id not in members])
        leads = [
            self._crm.load("lead", lead.evolve, id) for id, family in families.items() if family == "lead"
        ]
        # Another customer among the links was merged a moment ago; an erased one, long before.
        for id, family in families.items():
            if family == "customer":
                members[id] = self._crm.load("customer", customer.evolve, id)
        return self._people(
            members.values(),
            self.contacts(members),
            leads,
            parties=[*members, *families],
            incoming=linked.incoming,
            away=linked.away,
        )

    def _members(self, found: Customer) -> dict[UUID, Customer]:
        """All customers that are merged with this one, by what they say themselves."""
        members: dict[UUID, Customer] = {}
        pending = [found.id]
        while pending:
            id = pending.pop()
            if id not in members:
                each = members[id] = self._crm.load("customer", customer.evolve, id)
                pending += [*each.absorbed, *([each.survivor_id] if each.survivor_id else [])]
        return members

    def _people(
        self,
        customers: Iterable[Customer],
        contacts: Iterable[Contact],
        leads: Iterable[Lead],
        *,
        parties: Iterable[UUID] = (),
        incoming: tuple[UUID, ...] = (),
        away: tuple[UUID, ...] = (),
    ) -> Person:
        return Person(
            customers=tuple(customers),
            contacts=tuple(contacts),
            leads=tuple(leads),
            parties=tuple(sorted(set(parties))),
            incoming=incoming,
            away=away,
        )


def _organisation(id: UUID) -> Invalid:
    return Invalid(
        f"The customer {id} is an organisation, and its data is not personal. "
        "Name one of its contacts, which are persons."
    )
