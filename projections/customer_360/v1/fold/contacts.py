"""Folds of contacts and of consents; the fold of persons has the values of contact points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.events.envelope import instant, moment
from projections.customer_360.v1.fold.rows import Change, Data, applied, folding, later_version
from projections.runtime.projection import EventMap, Key, Row

CONTACT: Final = {
    "id": "uuid",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
    "party": "uuid",
    "customer_id": "uuid",
    "role": "text",
    "points": "jsonb",
    "external_references": "jsonb",
    "registered_at": "timestamptz",
}


def _registered(row: Data, event: EventMap, data: Data) -> None:
    row["id"] = event["subject"]
    row["party"] = event["partitionkey"]
    row["customer_id"] = data["customer_id"]
    row["role"] = data.get("role")
    row["points"] = []
    row["external_references"] = data["references"]
    row["registered_at"] = event["time"]


def _profile_changed(row: Data, _: EventMap, data: Data) -> None:
    row["role"] = applied(data["changes"], "role", row["role"])


def _point_added(row: Data, _: EventMap, data: Data) -> None:
    row["points"] = [*row["points"], {"point_id": data["point_id"], "kind": data["kind"]}]


def _on_point(row: Data, data: Data, more: Data) -> None:
    row["points"] = [
        point | more if point["point_id"] == data["point_id"] else point for point in row["points"]
    ]


def _point_verified(row: Data, event: EventMap, data: Data) -> None:
    _on_point(row, data, {"verified_at": event["time"], "method": data["method"]})


def _point_removed(row: Data, event: EventMap, data: Data) -> None:
    _on_point(row, data, {"removed_at": event["time"]})


CHANGES: Final[dict[str, Change]] = {
    "crm.contact.registered": _registered,
    "crm.contact.profile_changed": _profile_changed,
    "crm.contact.point_added": _point_added,
    "crm.contact.point_verified": _point_verified,
    "crm.contact.point_removed": _point_removed,
}

CONSENTS: Final = frozenset({"crm.contact.consent_given", "crm.contact.consent_withdrawn"})

contact: Final = folding(CONTACT, CHANGES, unmoved=CONSENTS | {"crm.contact.erased"})
"""The contact's row after one of its events."""

CONSENT: Final = {
    "id": "text",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
    "party": "uuid",
    "contact_id": "uuid",
    "point_id": "uuid",
    "purpose": "text",
    "legal_basis": "text",
    "source": "text",
    "double_opt_in": "boolean",
    "given_at": "timestamptz",
    "valid_until": "timestamptz",
    "withdrawn_at": "timestamptz",
    "withdrawn_source": "text",
}


def of_consent(event: EventMap) -> Sequence[Key]:
    """Returns the key of the contact's consent for that point and purpose."""
    if event["type"] not in CONSENTS:
        return ()
    data = event["data"]
    return (f"{event['subject']}:{data['point_id']}:{data['purpose']}",)


def consent(row: Row | None, event: EventMap) -> Row:
    """Returns the consent after it was given or withdrawn. Raises `OutOfOrder`."""
    version = later_version(row, event)
    data = event["data"]
    if event["type"] == "crm.contact.consent_given":
        until = data.get("until")
        new: Data = {
            "legal_basis": data["legal_basis"],
            "source": data["source"],
            "double_opt_in": data["double_opt_in"],
            "given_at": event["time"],
            # The event has it as RFC 3339; rows spell it like all their instants.
            "valid_until": None if until is None else instant(moment(until)),
            "withdrawn_at": None,
            "withdrawn_source": None,
        }
    else:
        new = dict(row) if row is not None else {
            "legal_basis": None, "source": data["source"], "double_opt_in": False, "given_at": None,
            "valid_until": None,
        }  # fmt: skip
        new |= {"withdrawn_at": event["time"], "withdrawn_source": data["source"]}
    return new | {
        "id": of_consent(event)[0],
        "version": version,
        "position": event["position"],
        "recorded": event["recordedtime"],
        "party": event["partitionkey"],
        "contact_id": event["subject"],
        "point_id": data["point_id"],
        "purpose": data["purpose"],
    }
