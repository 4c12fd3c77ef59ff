"""What a record type is: one declaration that everything about a kind of record is made from."""

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
"""`decide(command, state, repository)`: the payloads of the events that follow, none where nothing would
change. Deterministic. `state` is None for a command that makes the record. Raises domain errors."""

ContactPoints = Callable[[Any], Iterable[tuple[Any, str]]]
"""Kind and value of each contact point that a payload adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """One kind of record, such as a lead.

    `name` and `plural` are permanent: events (`crm.<name>.created`), routes (`/v1/<plural>`) and command-line
    choices hold them. `events` begin with those that begin a record.

    The public commands on it are `commands`, decided by `decide`; a command that changes several records has
    a handler in `commands/<area>/` besides. `scope` is what a caller needs to send one.

    `customer` names the member, of payloads and state, that says whose record it is: such a record stands in
    its customer's timeline and identity, and in its customer's party where it began with one, unless it keeps
    its `own_party`. One that cannot be without a customer is `always_in_customers_party`. `party_links` are
    the events besides `customer_linked` that move a party to another one: by event, the member that names
    that one, None where the party stands alone from then on.

    `usable` raises for a state that new records may not refer to any more; imported history may.

    A record that is a person by itself has `erase`: the payloads that forget it. `contact_points` gives the
    addresses by which it is found. `exported_as` is its section in what a person gets of their own data.
    `can_be_held`: a legal hold may name it. `audited`: its history is replayed for auditors. Where a record
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
        """By event type, the member that names the party to which the record's party belongs from then on."""
        linked = next((each.name for each in self.events if each.name.endswith(".customer_linked")), None)
        return {**({} if linked is None else {linked: self.customer}), **self.party_links}

    @property
    def first_event(self) -> EventType:
        """The event that begins a record."""
        return self.events[0]

    @property
    def erased_event(self) -> EventType | None:
        """The event after which nothing is known of the person any more; None for what is no person."""
        return next((each for each in self.events if each.name.endswith(".erased")), None)


def commands_in(module: ModuleType) -> tuple[type[Command], ...]:
    """The public commands of a module, in their order: its classes with a summary of their own."""
    return tuple(
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Command) and "summary" in vars(found)
    )
