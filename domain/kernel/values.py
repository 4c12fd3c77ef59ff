"""Values that several aggregates use: references to other systems, changes of a profile, who may own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NewType

from domain.kernel.errors import Invalid
from domain.kernel.text import line, quoted

RecordTypeName = NewType("RecordTypeName", str)
"""The name of a record type, in events about records of several types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The record's id (`external_id`) in another system (`source`)."""

    source: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field's value before and after; None for a missing value.

    An entry of a mapping is the field `attributes.<name>` or `preferences.<name>`; a tag that came or went is
    the field `tag` with `new` or `old`.
    """

    field: str
    old: str | None = None
    new: str | None = None


def references(reference: Reference | None) -> tuple[Reference, ...]:
    """Returns the reference as events hold it. Raises `Invalid` for an empty or unprintable one."""
    if reference is None:
        return ()
    return (
        Reference(
            source=line("source of the reference", reference.source),
            external_id=line("external id", reference.external_id),
        ),
    )


def changed(field: str, old: object | None, new: object | None) -> tuple[FieldChange, ...]:
    """One change, or none when both are equal."""
    if old == new:
        return ()
    return (
        FieldChange(
            field=field, old=None if old is None else str(old), new=None if new is None else str(new)
        ),
    )


def changed_entries(
    field: str, old: Mapping[str, str], new: Mapping[str, str | None]
) -> tuple[FieldChange, ...]:
    """Returns the changes of a mapping's entries that `new` names; None removes one."""
    return tuple(
        change for name, value in new.items() for change in changed(f"{field}.{name}", old.get(name), value)
    )


def changed_tags(
    old: frozenset[str], *, add: Iterable[str], remove: Iterable[str]
) -> tuple[FieldChange, ...]:
    """The tags that come and go."""
    coming, going = dict.fromkeys(add), dict.fromkeys(remove)
    if both := [tag for tag in coming if tag in going]:
        raise Invalid(f"The tag {quoted(both[0])} is both added and removed. Decide for one.")
    return (
        *(FieldChange(field="tag", old=tag) for tag in going if tag in old),
        *(FieldChange(field="tag", new=tag) for tag in coming if tag not in old),
    )


def apply_entries(field: str, old: Mapping[str, str], changes: Iterable[FieldChange]) -> dict[str, str]:
    """Returns a mapping after the `changes` of its entries."""
    entries = dict(old)
    prefix = f"{field}."
    for change in changes:
        if change.field.startswith(prefix):
            name = change.field.removeprefix(prefix)
            if change.new is None:
                entries.pop(name, None)
            else:
                entries[name] = change.new
    return entries


def apply_tags(old: frozenset[str], changes: Iterable[FieldChange]) -> frozenset[str]:
    """Returns tags after the `changes` of tags."""
    tags = set(old)
    for change in changes:
        if change.field == "tag":
            if change.old is not None:
                tags.discard(change.old)
            if change.new is not None:
                tags.add(change.new)
    return frozenset(tags)


def after(changes: Iterable[FieldChange], field: str, old: str | None) -> str | None:
    """A single field's value after `changes`."""
    for change in changes:
        if change.field == field:
            old = change.new
    return old
