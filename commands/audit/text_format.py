"""Histories in words, a line at a time, for people who read them on a terminal or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from commands.audit.replay import Difference, Fact, FieldChange, Step
from commands.audit.timeline import Group, Names, reasons

_CLOSED: Final = {
    "not_opened": "(closed)",
    "erased": "(erased)",
    "absent": "(closed: its key is missing)",
}


def group_lines(group: Group, names: Names | None = None, *, full: bool) -> Iterator[str]:
    """A group: one line for all of it, or with `full` a head and each event with what it changed."""
    first = group.steps[0].fact
    if not full:
        kinds: dict[str, int] = {}
        why: dict[str, str] = {}
        for step in group.steps:
            kinds[_words(step.fact)] = kinds.get(_words(step.fact), 0) + 1
            why |= reasons(step.fact)
        done = ", ".join(kind if count == 1 else f"{kind} ({count} times)" for kind, count in kinds.items())
        yield f"{_when(first)}  {_who(first, names)}  {done}{_why(why)}"
        return
    caused = f", caused by {group.cause}" if group.cause else ""
    yield f"{_when(first)}  {_who(first, names)}  {len(group.steps)} event(s) of {group.correlation}{caused}"
    for step in group.steps:
        yield from (f"  {line}" for line in step_lines(step, names))


def step_lines(step: Step, names: Names | None = None) -> Iterator[str]:
    """An event with when, who, why, its cause, and the fields that it changed."""
    fact = step.fact
    event = fact.event
    cause = f", caused by {event.cause}" if event.cause else ""
    yield f"{_when(fact)}  {_words(fact)}{_why(reasons(fact))}  by {_who(fact, names)}"
    yield f"    {event.id} at position {fact.position}, recorded {_instant(event.recorded)}{cause}"
    yield from (f"    {line}" for line in change_lines(step.changes))


def change_lines(changes: Sequence[FieldChange]) -> Iterator[str]:
    """A line for each field, before and after."""
    width = max((len(change.field) for change in changes), default=0)
    for change in changes:
        yield f"{change.field.ljust(width)}  {value(change.before)} -> {value(change.after)}"


def difference_lines(differences: Sequence[Difference]) -> Iterator[str]:
    """A line for each field, before and after, and the event that made it what it is."""
    width = max((len(each.field) for each in differences), default=0)
    for each in differences:
        back = ", changed and changed back" if each.before == each.after else ""
        by = each.facts[-1]
        yield (
            f"{each.field.ljust(width)}  {value(each.before)} -> {value(each.after)}  "
            f"by {by.event.id} ({_words(by)}, {_when(by)}){back}"
        )


def field_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """A record's fields, a line each."""
    width = max(map(len, fields), default=0)
    for name, each in fields.items():
        yield f"{name.ljust(width)}  {value(each)}"


def value(each: Any) -> str:
    """A JSON value in words; on one line."""
    match each:
        case None:
            return "-"
        case str():
            return " ".join(each.split()) or "(empty)"
        case {"closed": why, **more} if set(more) <= {"of"}:
            return _CLOSED.get(why, "(closed)")
        case {"amount": amount, "currency": currency, **more} if set(more) <= {"rate"}:
            rate = more.get("rate")
            return f"{amount} {currency}" + (f" at {rate}" if rate is not None else "")
        case Mapping():
            return "{" + ", ".join(f"{name}: {value(part)}" for name, part in each.items()) + "}"
        case list():
            return "[" + ", ".join(map(value, each)) + "]"
        case _:
            return str(each)


def _words(fact: Fact) -> str:
    """`crm.case.state_changed` as `case state changed`."""
    return fact.type.removeprefix("crm.").replace(".", " ").replace("_", " ")


def _why(found: Mapping[str, str]) -> str:
    return f" ({', '.join(f'{name}: {text}' for name, text in found.items())})" if found else ""


def _who(fact: Fact, names: Names | None) -> str:
    actor = fact.event.actor
    if actor.kind == "system":
        return "the system"
    name = names(actor.id) if names is not None else None
    return name or f"{actor.kind.replace('_', ' ')} {actor.id}"


def _when(fact: Fact) -> str:
    return _instant(fact.event.time)


def _instant(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
