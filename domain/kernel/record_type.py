"""The declaration of a record type, from which everything about a kind of record is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from uuid import UUID

from domain.events.registry import EventType
from domain.kernel.aggregate import Aggregate, Evolve
from domain.kernel.command import Command
from domain.kernel.repository import Repository

Decide = Callable[[Any, Any, Repository], tuple[Any, ...]]
"""`decide(command, state, repository)` returns the payloads of the events that follow, or none if nothing
changes. Deterministic. `state` is None for a command that creates the record. Raises domain errors."""

ContactPoints = Callable[[Any], Iterable[tuple[Any, str]]]
"""Kind and value of each contact point that a payload adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """One kind of record, such as a lead.

    `name` and `plural` are permanent: events (`crm.<name>.created`), routes (`/v1/<plural>`) and command-line
    choices hold them. `events` list those that create a record first.

    `commands` are the public commands; `decide` decides them. A command that changes several records also has
    a handler in `commands/<area>/`. `scope` is what a caller needs to send one.
    `readable`: one record is read at `/v1/<plural>/{id}`.

    `customer` names the member of payloads and state that has the customer's id. Such a record belongs to its
    customer's timeline and identity. It is in its customer's party if it was created with one, unless it
    keeps its `own_party`. One that cannot be without a customer is `always_in_customers_party`.
    `party_links` are the events besides `customer_linked` that join a party to another one: by event, the
    member that names the other one, or None if the party is alone from then on.

    `usable` raises for a state to which new records may not refer; imported history may.

    A record that is a person has `erase`, which returns the payloads that forget it. `contact_points` returns
    the addresses by which a search finds it. `exported_as` is its section in a person's export of their
    data. `can_be_held`: a legal hold may name it. `audited`: auditors can replay its history. If a record
    type with private fields lacks one of these, `because` says why.
    """

    name: str
    plural: str
    area: str
    events: tuple[EventType, ...]
    state: type[Aggregate] | None = None
    evolve: Evolve[Any] | None = None
    commands: tuple[type[Command], ...] = ()
    decide: Decide | None = None
    scope: str = "crm:write"
    readable: bool = True
    customer: str | None = None
    own_party: bool = False
    always_in_customers_party: bool = False
    party_links: Mapping[str, str | None] = field(default_factory=dict)
    usable: Callable[[Any], None] | None = None
    erase: Callable[[Any, UUID], tuple[Any, ...]] | None = None
    contact_points: ContactPoints | None = None
    exported_as: str | None = None
    can_be_held: bool = False
    audited: bool = False
    because: str | None = None

    @property
    def family(self) -> str:
        """The middle of its events' names, which is also its topic's: `crm.<family>.v1`."""
        return self.events[0].family

    @property
    def links(self) -> Mapping[str, str | None]:
        """The members that name the party to which the record's party belongs from then on, by event type."""
        linked = next((each.name for each in self.events if each.name.endswith(".customer_linked")), None)
        return {**({} if linked is None else {linked: self.customer}), **self.party_links}

    @property
    def first_event(self) -> EventType:
        """The event that creates a record."""
        return self.events[0]

    @property
    def erased_event(self) -> EventType | None:
        """The event that forgets the person; None for a record that is not a person."""
        return next((each for each in self.events if each.name.endswith(".erased")), None)


def commands_in(module: ModuleType) -> tuple[type[Command], ...]:
    """The public commands of a module, in their order: its classes with a summary of their own."""
    return tuple(
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Command) and "summary" in vars(found)
    )
