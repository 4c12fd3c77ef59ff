"""Folds of customers, and of persons: the one table with clear private values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from projections.customer_360.v1.fold.rows import Change, Data, applied, folding, later_version
from projections.record_families import person_families
from projections.runtime.projection import EventMap, Key, Row
from projections.runtime.search_words import words

CUSTOMER: Final = {
    "id": "uuid",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
    "kind": "text",
    "state": "text",
    "survivor_id": "uuid",
    "organisation_name": "text",
    "search": "text",
    "parent_id": "uuid",
    "owner_id": "uuid",
    "attributes": "jsonb",
    "tags": "jsonb",
    "external_references": "jsonb",
    "registered_at": "timestamptz",
    "preferences": "jsonb",
}


def _registered(row: Data, event: EventMap, data: Data) -> None:
    row["id"] = event["subject"]
    row["kind"] = data["kind"]
    row["state"] = "active"
    row["organisation_name"] = data.get("organisation_name")
    row["search"] = " ".join(words(row["organisation_name"]))
    row["parent_id"] = data.get("parent_id")
    row["owner_id"] = data.get("owner_id")
    row["attributes"] = data["attributes"]
    row["tags"] = sorted(data["tags"])
    row["external_references"] = data["references"]
    row["registered_at"] = event["time"]
    row["preferences"] = data["preferences"]


def _profile_changed(row: Data, _: EventMap, data: Data) -> None:
    changes = data["changes"]
    row["organisation_name"] = applied(changes, "organisation_name", row["organisation_name"])
    row["search"] = " ".join(words(row["organisation_name"]))
    row["parent_id"] = applied(changes, "parent_id", row["parent_id"])
    tags = set(row["tags"])
    entries = {"attributes": dict(row["attributes"]), "preferences": dict(row["preferences"])}
    for change in changes:
        field, old, new = change["field"], change.get("old"), change.get("new")
        if field == "tag":
            tags.discard(old)
            if new is not None:
                tags.add(new)
            continue
        mapping, _, name = field.partition(".")
        if mapping not in entries:
            continue
        if new is None:
            entries[mapping].pop(name, None)
        else:
            entries[mapping][name] = new
    row |= entries | {"tags": sorted(tags)}


def _owner_assigned(row: Data, _: EventMap, data: Data) -> None:
    row["owner_id"] = data["owner_id"]


def _reference_added(row: Data, _: EventMap, data: Data) -> None:
    row["external_references"] = [*row["external_references"], data["reference"]]


def _merged_into(row: Data, _: EventMap, data: Data) -> None:
    row["state"], row["survivor_id"] = "merged", data["survivor_id"]


def _unmerged(row: Data, _: EventMap, __: Data) -> None:
    row["state"], row["survivor_id"] = "active", None


CHANGES: Final[dict[str, Change]] = {
    "crm.customer.registered": _registered,
    "crm.customer.profile_changed": _profile_changed,
    "crm.customer.owner_assigned": _owner_assigned,
    "crm.customer.reference_added": _reference_added,
    "crm.customer.merged_into": _merged_into,
    "crm.customer.unmerged": _unmerged,
}

customer: Final = folding(
    CUSTOMER,
    CHANGES,
    unmoved=frozenset({"crm.customer.absorbed", "crm.customer.released", "crm.customer.erased"}),
)
"""The customer's row after one of its events."""

PERSON: Final = {
    "id": "uuid",
    "version": "int",
    "position": "bigint",
    "party": "uuid",
    "kind": "text",
    "name": "text",
    "email": "text",
    "phone": "text",
    "points": "jsonb",
    "search": "text",
    "erased": "boolean",
}

FAMILIES: Final = frozenset(person_families())
ERASED: Final = frozenset(f"crm.{family}.erased" for family in FAMILIES)
"""The events after which a person has no clear values."""
VALUES: Final = ("name", "email", "phone")


def has_person(event: EventMap) -> Sequence[Key]:
    """Returns the key of the person whose clear values the event changes: its own aggregate."""
    kind = event["type"]
    if kind in ERASED or kind == "crm.contact.point_removed":
        return (event["subject"],)
    if "persons" in event["data"].get("private", ()) and kind.split(".")[1] in FAMILIES:
        return (event["subject"],)
    return ()


def person(row: Row | None, event: EventMap) -> Row:
    """Returns the person's clear values after the event. When the person was erased, or a value no longer
    opens, it has none from then on."""
    version = later_version(row, event)
    values: dict[str, Any] = event["private"].get(event["subject"], {})
    new: Data = dict(row) if row is not None else _nobody(event)
    closed = event["type"] in ERASED or any(value is None for value in values.values())
    new["erased"] = new["erased"] or closed
    if new["erased"]:
        new |= {"name": None, "email": None, "phone": None, "points": [], "search": ""}
    else:
        new |= {field: values[field] for field in VALUES if field in values}
        new["points"] = _points(new["points"], event, values)
        new["search"] = " ".join(words(new["name"]))
    new["version"] = version
    new["position"] = event["position"]
    return new


def _nobody(event: EventMap) -> Data:
    return {
        "id": event["subject"],
        "party": event["partitionkey"],
        "kind": event["type"].split(".")[1],
        "name": None,
        "email": None,
        "phone": None,
        "points": [],
        "search": "",
        "erased": False,
    }


def _points(points: list[Data], event: EventMap, values: Data) -> list[Data]:
    data = event["data"]
    if event["type"] == "crm.contact.point_added":
        return [*points, {"point_id": data["point_id"], "kind": data["kind"], "value": values.get("value")}]
    if event["type"] == "crm.contact.point_removed":
        return [point for point in points if point["point_id"] != data["point_id"]]
    return points
