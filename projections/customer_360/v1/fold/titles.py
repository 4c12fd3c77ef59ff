"""Titles and changes of timeline entries, without private values. One line per event type.

A type without a line gets its name as title.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

Data = dict[str, Any]
Said = tuple[str, list[Data]]
"""An entry's title and its changes: [{field, old?, new?}], values as text."""


def _change(field: str, old: Any, new: Any) -> list[Data]:
    change: Data = {"field": field}
    if old is not None:
        change["old"] = str(old)
    if new is not None:
        change["new"] = str(new)
    return [change]


def _amount(money: Data | None) -> str | None:
    return None if money is None else f"{money['amount']} {money['currency']}"


def _spelled(word: str) -> str:
    return word.replace("_", " ")


def _plain(title: str) -> Callable[[Data], Said]:
    return lambda _: (title, [])


def _moved(title: str) -> Callable[[Data], Said]:
    """Returns a title whose `{}` is the new state."""
    return lambda d: (
        title.format(_spelled(d["to_state"])), _change("state", d.get("from_state"), d["to_state"])
    )  # fmt: skip


def _ended(title: str, state: str) -> Callable[[Data], Said]:
    return lambda d: (title, _change("state", d["from_state"], state))


def _replaced(title: str, field: str) -> Callable[[Data], Said]:
    return lambda d: (title.format(d["new"]), _change(field, d.get("old"), d["new"]))


def _owner(what: str) -> Callable[[Data], Said]:
    return lambda d: (
        f"{what} given to an owner", _change("owner_id", d.get("previous_owner_id"), d["owner_id"])
    )  # fmt: skip


def _linked(what: str) -> Callable[[Data], Said]:
    return lambda d: (
        f"{what} linked to a customer",
        _change("customer_id", d.get("previous_customer_id"), d["customer_id"]),
    )


def _entry(field: str) -> str:
    """Returns a field's name; for an entry of a mapping, the entry's name."""
    return field.removeprefix("attributes.").removeprefix("preferences.")


def _profile(what: str) -> Callable[[Data], Said]:
    def said(d: Data) -> Said:
        fields = [_entry(change["field"]) for change in d["changes"]]
        named = [*(["name"] if "persons" in d.get("private", {}) else []), *dict.fromkeys(fields)]
        return f"{what} changed: {', '.join(map(_spelled, named))}"[:500], d["changes"]

    return said


def _customer_registered(d: Data) -> Said:
    name = d.get("organisation_name")
    return (f"Customer {name} registered" if name else "Customer registered"), []


def _opened(d: Data) -> Said:
    worth = _amount(d.get("amount"))
    return f"Opportunity opened in {_spelled(d['stage'])}" + (f", {worth}" if worth else ""), []


def _stage(title: str) -> Callable[[Data], Said]:
    def said(d: Data) -> Said:
        changes = _change("stage", d["from_stage"], d["to_stage"])
        worth = _amount(d.get("amount"))
        text = title.format(_spelled(d["to_stage"]))
        reason = f" ({_spelled(d['reason'])})" if "reason" in d else ""
        return text + reason + (f", {worth}" if worth else ""), changes

    return said


def _amount_changed(d: Data) -> Said:
    new = _amount(d["new"])
    return f"Amount is {new}", _change("amount", _amount(d.get("old")), new)


def _case_opened(d: Data) -> Said:
    about = d.get("category") or d.get("product")
    return f"{_spelled(d['kind']).capitalize()} opened, priority {d['priority']}" + (
        f": {about}" if about else ""
    ), []


def _assigned(d: Data) -> Said:
    changes: list[Data] = []
    for field in ("queue", "owner_id"):
        if d.get(field) != d.get(f"previous_{field}"):
            changes += _change(field, d.get(f"previous_{field}"), d.get(field))
    if "to_state" in d:
        changes += _change("state", d.get("from_state"), d["to_state"])
    return f"Case assigned to {d['queue']}" if "queue" in d else "Case assigned", changes


def _case_resolved(d: Data) -> Said:
    code = f": {d['code']}" if "code" in d else ""
    return f"Case resolved{code}", _change("state", d["from_state"], "resolved")


def _case_closed(d: Data) -> Said:
    missed = ", reported as too late" if d.get("reported_sla") is False else ""
    return f"Case closed{missed}", _change("state", d["from_state"], "closed")


def _interaction(d: Data) -> Said:
    kind = _spelled(d["kind"])
    title = kind.capitalize()
    if d["direction"] != "none":
        title = f"{d['direction'].capitalize()} {kind}"
    if "survey" in d:
        title += f": {d['survey']['question'].upper()} {d['survey']['score']}"
    if d["items"]:
        title += f" of {len(d['items'])} item{'s' if len(d['items']) > 1 else ''}"
    worth = _amount(d.get("amount"))
    return title + (f", {worth}" if worth else ""), []


def _corrected(d: Data) -> Said:
    changes = list(d["changes"])
    if "amount" in d:
        changes += _change("amount", _amount(d.get("amount_before")), _amount(d["amount"]))
    if "items" in d:
        changes += _change("items", None, len(d["items"]))
    texts = d.get("private", {}).get("text", {}).get("fields", {})
    changes += [{"field": name} for name in ("subject", "body") if name in texts]
    named = ", ".join(_spelled(change["field"]) for change in changes)
    return f"{_spelled(d['kind']).capitalize()} corrected" + (f": {named}" if named else ""), changes


def _interaction_linked(d: Data) -> Said:
    changes: list[Data] = []
    for field in ("opportunity_id", "case_id"):
        if field in d:
            changes += _change(field, None, d[field])
    names = [change["field"].removesuffix("_id") for change in changes]
    return f"Linked to {' and '.join(names)}", changes


def _consent(title: str) -> Callable[[Data], Said]:
    return lambda d: (title.format(_spelled(d["purpose"])), [])


TITLES: Final[dict[str, Callable[[Data], Said]]] = {
    "crm.customer.registered": _customer_registered,
    "crm.customer.profile_changed": _profile("Profile"),
    "crm.customer.owner_assigned": _owner("Customer"),
    "crm.customer.reference_added": lambda d: (
        f"Known to {d['reference']['source']}, too",
        _change("reference", None, f"{d['reference']['source']} {d['reference']['external_id']}"),
    ),
    "crm.customer.merged_into": _plain("Merged into another customer"),
    "crm.customer.absorbed": _plain("Took in a merged customer"),
    "crm.customer.unmerged": _plain("Merge taken back"),
    "crm.customer.released": _plain("Let go of a merged customer"),
    "crm.customer.erased": _plain("Personal data erased"),
    "crm.contact.registered": _plain("Contact registered"),
    "crm.contact.profile_changed": _profile("Contact"),
    "crm.contact.point_added": lambda d: (f"Contact point added: {d['kind']}", []),
    "crm.contact.point_verified": lambda d: (f"Contact point verified: {d['method']}", []),
    "crm.contact.point_removed": _plain("Contact point removed"),
    "crm.contact.consent_given": _consent("Consent given: {}"),
    "crm.contact.consent_withdrawn": _consent("Consent withdrawn: {}"),
    "crm.contact.erased": _plain("Contact's personal data erased"),
    "crm.lead.created": lambda d: (
        f"Lead created from {d['campaign']}" if "campaign" in d else "Lead created",
        [],
    ),
    "crm.lead.status_changed": _moved("Lead is {}"),
    "crm.lead.disqualified": lambda d: (
        f"Lead disqualified ({_spelled(d['reason'])})",
        _change("state", d["from_state"], "disqualified"),
    ),
    "crm.lead.reopened": lambda d: (
        f"Lead reopened, {_spelled(d['to_state'])}",
        _change("state", "disqualified", d["to_state"]),
    ),
    "crm.lead.scored": lambda d: (f"Lead scored {d['score']}", []),
    "crm.lead.owner_assigned": _owner("Lead"),
    "crm.lead.customer_linked": _linked("Lead"),
    "crm.lead.converted": _plain("Lead converted"),
    "crm.lead.erased": _plain("Lead's personal data erased"),
    "crm.opportunity.opened": _opened,
    "crm.opportunity.stage_changed": _stage("Opportunity moved to {}"),
    "crm.opportunity.amount_changed": _amount_changed,
    "crm.opportunity.customer_linked": _linked("Opportunity"),
    "crm.opportunity.owner_assigned": _owner("Opportunity"),
    "crm.opportunity.team_changed": _plain("Team changed"),
    "crm.opportunity.products_changed": lambda d: (f"Products changed: {len(d['items'])} lines", []),
    "crm.opportunity.close_date_changed": _replaced("Close expected on {}", "expected_close"),
    "crm.opportunity.forecast_category_changed": _replaced("Forecast category is {}", "forecast_category"),
    "crm.opportunity.probability_overridden": _replaced("Probability set to {} %", "probability"),
    "crm.opportunity.won": _stage("Opportunity won"),
    "crm.opportunity.lost": _stage("Opportunity lost"),
    "crm.opportunity.reopened": _stage("Opportunity reopened in {}"),
    "crm.case.opened": _case_opened,
    "crm.case.assigned": _assigned,
    "crm.case.state_changed": _moved("Case is {}"),
    "crm.case.priority_changed": _replaced("Priority is {}", "priority"),
    "crm.case.escalated": _replaced("Escalation level is {}", "escalation"),
    "crm.case.details_changed": _profile("Case"),
    "crm.case.responded": _plain("First response"),
    "crm.case.resolved": _case_resolved,
    "crm.case.closed": _case_closed,
    "crm.case.reopened": _moved("Case reopened, {}"),
    "crm.case.rejected": _ended("Case rejected", "rejected"),
    "crm.case.duplicated": _ended("Case is a duplicate", "duplicate"),
    "crm.case.customer_linked": _linked("Case"),
    "crm.interaction.recorded": _interaction,
    "crm.interaction.corrected": _corrected,
    "crm.interaction.customer_linked": _linked("Interaction"),
    "crm.interaction.linked": _interaction_linked,
}


def said(kind: str, data: Data) -> tuple[str, Sequence[Data]]:
    """Returns the title and changes of an event. Without a line, `crm.lead.flagged` is "Lead flagged"."""
    own = TITLES.get(kind)
    return own(data) if own else (_spelled(kind.split(".", 1)[1].replace(".", " ")).capitalize(), [])
