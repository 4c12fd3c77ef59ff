"""Moments on the command line: a version, a business time, a time of recording."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from commands.audit.replay import Moment, State

AtOption = Annotated[str | None, typer.Option(help="As it was at this business time, such as 2026-02-01.")]
VersionOption = Annotated[int | None, typer.Option(min=1, help="As it was at this version.")]
KnownAtOption = Annotated[str | None, typer.Option(help="As far as had been recorded by this time.")]


def moment_of(at: str | None, version: int | None, known_at: str | None) -> Moment:
    """The moment that the options name. Raises `typer.BadParameter`."""
    from commands.audit.replay import Moment
    from domain.kernel.as_of import AsOf

    if version is not None and (at is not None or known_at is not None):
        raise typer.BadParameter("Name a version or times, not both.")
    return Moment(
        version=version, as_of=AsOf(as_of=time_of("--at", at), known_at=time_of("--known-at", known_at))
    )


def point_of(option: str, text: str) -> Moment:
    """A version, or a business time. Raises `typer.BadParameter`."""
    from commands.audit.replay import Moment
    from domain.kernel.as_of import AsOf

    if text.isdecimal():
        return Moment(version=int(text))
    return Moment(as_of=AsOf(as_of=time_of(option, text)))


def time_of(option: str, text: str | None) -> datetime | None:
    """The time in UTC; None without a text. Raises `typer.BadParameter`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{option} takes a time such as 2026-02-01 or 2026-02-01T12:00:00Z (UTC where no zone is named)."
        ) from None


def after_event(found: State) -> str:
    """Which record at which moment, as the first line of an answer."""
    event = found.fact.event
    at = f"at version {event.originator_version}, position {found.fact.position}"
    return f"{found.kind} {event.originator_id} {at}"
