"""Domain errors: sentences a salesperson understands, each with a permanent code.

`api/http/problems.py` maps each class to an HTTP status; a test keeps that table complete.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from domain.kernel.user_errors import FailureFound


class DomainError(FailureFound):
    """A refusal. `str(error)` is fact, cause and next act; `code` is permanent and part of the API."""

    code: ClassVar[str] = "refused"


class NotFound(DomainError):
    """No such record."""

    code = "not-found"

    def __init__(self, record_type: str, id: object) -> None:
        super().__init__(
            f"There is no {record_type} with the id {id}. Check the id, or look the record up first."
        )


class Invalid(DomainError):
    """An argument is outside what it may be."""

    code = "invalid"


class MoveRefused(DomainError):
    """A transition that is not in the lifecycle table."""

    code = "move-refused"

    def __init__(self, *, record_type: str, state: str, move: str, allowed: tuple[str, ...]) -> None:
        options = ", ".join(allowed) if allowed else "none: this state is final"
        super().__init__(f"The {record_type} is {state}; it cannot {move}. Allowed from {state}: {options}.")
        self.state, self.move, self.allowed = state, move, allowed


class TimeRefused(DomainError):
    """A business time that precedes the record's last event or lies ahead of the clock."""

    code = "time-refused"

    def __init__(self, *, named: datetime, bound: datetime, ahead: bool) -> None:
        relation = (
            f"lies more than 5 seconds ahead of the clock ({bound.isoformat()})"
            if ahead
            else f"precedes the record's last event ({bound.isoformat()})"
        )
        super().__init__(f"The time {named.isoformat()} {relation}. Name another time, or none.")
        self.named, self.bound, self.ahead = named, bound, ahead


class Erased(DomainError):
    """The person was erased: the record takes no more events."""

    code = "erased"

    @classmethod
    def record(cls, what: str, id: object) -> Erased:
        """The record cannot be named or changed any more."""
        return cls(
            f"The {what} {id} was erased for good and cannot be changed any more. "
            f"Register a new {what} if the person has come back."
        )

    @classmethod
    def values(cls, whose: str) -> Erased:
        """The key that would close the personal data is destroyed."""
        return cls(
            f"The personal data {whose} was erased for good, so nothing personal can be recorded there any "
            "more. Leave it out, or register a new record."
        )


class ConcurrentChange(DomainError):
    """Another request changed the record first."""

    code = "concurrent-change"

    def __init__(self, *, id: object, expected: int, found: int) -> None:
        super().__init__(
            f"The record {id} is at version {found}, not {expected}: another request changed it in between. "
            "Read it again and decide afresh."
        )
        self.id, self.expected, self.found = id, expected, found


class ChangedAgain(ConcurrentChange):
    """Other requests changed the record during each of the `attempts` to decide the command."""

    code = "changed-again"

    def __init__(self, last: ConcurrentChange, *, attempts: int) -> None:
        super().__init__(id=last.id, expected=last.expected, found=last.found)
        self.attempts = attempts
        self.args = (
            f"Other requests changed the record {last.id} during each of the {attempts} attempts; at the "
            "last "
            f"one it was at version {last.found}, not {last.expected}. Nothing was changed. "
            "Send it again in a few seconds.",
        )


class AlreadyClaimed(DomainError):
    """The external id belongs to another record."""

    code = "already-claimed"

    def __init__(self, *, source: str, external_id: str, id: object) -> None:
        super().__init__(
            f"{source} {external_id} is already the record {id}. "
            "Change that record, or use another external id."
        )
        self.id = id


class ChangedSinceImport(DomainError):
    """An earlier import recorded this row with other content."""

    code = "changed-since-import"

    def __init__(self, *, id: object) -> None:
        super().__init__(
            f"This row was imported before, with other content, as the record {id}. "
            "Imports only add: change that record by a command, or give the row an external id of its own."
        )
        self.id = id


class AlreadyRecorded(DomainError):
    """The interaction was recorded before with other content."""

    code = "already-recorded"

    def __init__(self, *, id: object) -> None:
        super().__init__(
            f"This interaction was recorded before, with other content, as {id}. "
            "Correct that one, or use another external id."
        )
        self.id = id


class KeyReused(DomainError):
    """Another request used the idempotency key."""

    code = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used with another request. Use a new key for a new request, "
            "or repeat the first one unchanged."
        )


class RequestInProgress(DomainError):
    """The same request is still running."""

    code = "request-in-progress"

    def __init__(self) -> None:
        super().__init__("The same request is still running. Repeat it in a few seconds with the same key.")


class EventTooLarge(DomainError):
    """An encoded event is above the limit."""

    code = "event-too-large"

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(
            f"The change takes {size:,} bytes as an event; at most {limit:,} are allowed. "
            "Keep long texts as attachments and refer to them."
        )
        self.size, self.limit = size, limit


class UnknownEventType(DomainError):
    """No registry has a stored event's type: a newer version of the program wrote it."""

    code = "unknown-event-type"

    def __init__(self, type: str) -> None:
        super().__init__(
            f"The event type {type} is unknown to this version of the program. "
            "Install the version that wrote it, then go on."
        )
        self.type = type


class Undecodable(DomainError):
    """Bytes that are not one of our events."""

    code = "undecodable"
