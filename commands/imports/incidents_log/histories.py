"""From the rows of one case to the commands that record it: pure but for the ids, which are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from commands.bulk.items import History
from commands.dispatch.decision import Targeted
from commands.imports.incidents_log.config import IncidentsConfig
from commands.imports.incidents_log.rows import CaseLog, Person, Update
from commands.imports.kit.claims import ClaimFactory, reference
from commands.imports.kit.fields import RowRefused
from commands.store.claims import Claim
from domain.customers.customer.commands import RegisterCustomer
from domain.directory.principal.commands import RegisterPrincipal
from domain.service.case.commands import (
    AssignCase,
    ChangeCaseDetails,
    ChangeCasePriority,
    CloseCase,
    LinkCase,
    MoveCase,
    OpenCase,
    ReopenCase,
    ResolveCase,
)
from domain.service.case.decide import OPEN

CALLER: Final = "incidents-caller"
RESOLVER: Final = "incidents-resolver"
CASE: Final = "incidents-case"
SOURCES: Final = (CALLER, RESOLVER, CASE)
"""The sources of all claims that the import makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFactory:
    """Makes histories."""

    config: IncidentsConfig
    claims: ClaimFactory

    def caller(self, caller: Person) -> History:
        """A caller, a customer since the first case."""
        claim = self.claims.claim(CALLER, caller.name, caller.name)
        command = RegisterCustomer(
            kind="person",
            name=caller.name,
            imported=True,
            reference=reference(claim),
            id=claim.id,
            at=caller.since,
        )
        return History(commands=(command,), claim=claim)

    def resolver(self, resolver: Person) -> History:
        """Somebody whom cases are assigned to."""
        claim = self.claims.private_claim(RESOLVER, resolver.name, resolver.name)
        command = RegisterPrincipal(
            kind="agent",
            name=resolver.name,
            reference=reference(claim),
            id=claim.id,
            at=resolver.since,
        )
        return History(commands=(command,), claim=claim)

    def case(self, log: CaseLog, callers: Mapping[str, UUID], resolvers: Mapping[str, UUID]) -> History:
        """A case: opened as new at its opening, then what each row changed, at the row's time.

        Raises `RowRefused` where a caller or a resolver has no id.
        """
        claim = self.claims.claim(CASE, log.name, [dict(row.normal) for row in log.rows])
        try:
            commands = tuple(self._commands(claim, log.rows, callers, resolvers))
        except KeyError:
            raise RowRefused(
                f"The case {log.name} names a caller or a resolver who was not taken. Correct what is said "
                "of that one, then import again."
            ) from None
        return History(commands=commands, claim=claim)

    def _commands(
        self,
        claim: Claim,
        rows: Sequence[Update],
        callers: Mapping[str, UUID],
        resolvers: Mapping[str, UUID],
    ) -> Iterator[Targeted]:
        first, last = rows[0], rows[-1]
        yield OpenCase(
            kind=self.config.kind,
            priority=first.priority,
            channel=first.channel,
            customer_id=None if first.caller is None else callers[first.caller],
            queue=first.queue,
            owner_id=None if first.owner is None else resolvers[first.owner],
            category=first.category,
            product=first.product,
            attributes=first.attributes,
            imported=True,
            logged_at=first.updated,
            reference=reference(claim),
            id=claim.id,
            at=first.opened,
        )
        before, state, time = first, "new", first.opened
        resolutions = sum(_ends(rows, number) for number in range(len(rows)))
        for row in rows:
            time = max(time, row.opened, row.updated)
            at: dict[str, Any] = {"id": claim.id, "at": time}
            log: dict[str, Any] = {**at, "imported": True, "logged_at": row.updated}
            reopened = state in ("resolved", "closed") and row.state in OPEN
            if reopened:
                yield ReopenCase(to_state=row.state, **log)
            if row.caller is not None and row.caller != before.caller:
                yield LinkCase(customer_id=callers[row.caller], **at)
            if (row.queue, row.owner) != (before.queue, before.owner):
                yield _assigned(before, row, resolvers, log)
            if row.priority != before.priority:
                yield ChangeCasePriority(priority=row.priority, **log)
            if details := _details(before, row):
                yield ChangeCaseDetails(**details, **log)
            if row.state in OPEN:
                if row.state != state and not reopened:
                    yield MoveCase(to_state=row.state, **log)
            elif row.state == "resolved" != state:
                resolutions -= 1
                # The log tells from its first row on how it all ends: code and cause are of the last one.
                ending: dict[str, Any] = {"code": last.code, "cause": last.cause} if not resolutions else {}
                yield ResolveCase(**ending, **log)
            elif row.state == "closed" != state:
                yield CloseCase(code=last.code, reported_sla=last.met_sla, **log)
            before, state = row, row.state


def _ends(rows: Sequence[Update], number: int) -> bool:
    """Whether the case is resolved by this row."""
    return rows[number].state == "resolved" and (number == 0 or rows[number - 1].state != "resolved")


def _assigned(
    before: Update, row: Update, resolvers: Mapping[str, UUID], log: Mapping[str, Any]
) -> AssignCase:
    gone = tuple(
        field
        for field, was, now in (("queue", before.queue, row.queue), ("owner_id", before.owner, row.owner))
        if was is not None and now is None
    )
    owner_id = None if row.owner is None else resolvers[row.owner]
    return AssignCase(queue=row.queue, owner_id=owner_id, remove=gone, **log)


def _details(before: Update, row: Update) -> dict[str, Any]:
    """The changed details as arguments of `ChangeCaseDetails`; empty where none changed."""
    found: dict[str, Any] = {}
    gone: list[str] = []
    for field in ("channel", "category", "product"):
        was, now = getattr(before, field), getattr(row, field)
        if now is not None and now != was:
            found[field] = now
        elif now is None and was is not None:
            gone.append(field)
    entries = {name: value for name, value in row.attributes.items() if before.attributes.get(name) != value}
    gone += [f"attributes.{name}" for name in before.attributes if name not in row.attributes]
    if entries:
        found["attributes"] = entries
    if gone:
        found["remove"] = tuple(gone)
    return found
