"""Configured reasons: why a lead is disqualified, why a case is rejected.

Parsed from a mapping (`deploy/configuration/reasons.toml`). A pipeline lists why its
opportunities are lost. A decision reads the reasons; a fold never does: a reason that is removed from the
list stays in the events that name it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.kernel.errors import Invalid
from domain.kernel.repository import Repository
from domain.kernel.text import SLUG, note, quoted

OTHER: Final = "other"
"""The reason that needs a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """The reasons that may be named, in the order of the list; the defaults are those of the file."""

    lead_disqualified: tuple[str, ...] = (
        "no-need", "no-budget", "no-answer", "no-authority", "wrong-time", "competitor", "not-a-fit",
        "duplicate", "spam", "other",
    )  # fmt: skip
    case_rejected: tuple[str, ...] = ("not-ours", "out-of-scope", "spam", "no-such-service", "withdrawn")


DEFAULT: Final = Reasons()

_TABLES: Final = {"lead": ("disqualified",), "case": ("rejected",)}


def checked(reasons: Sequence[str], reason: str | None, note_text: str | None) -> str | None:
    """Returns the note of a transition for `reason`, or None without a note. Raises `Invalid` for a reason
    that is not on the list, and for `other` without a note."""
    if reason is not None and reason not in reasons:
        raise Invalid(f"There is no reason {quoted(reason)}. Name one of: {', '.join(reasons)}.")
    if reason == OTHER and note_text is None:
        raise Invalid('The reason "other" needs a note. Write what it was.')
    return None if note_text is None else note("note", note_text)


def parse(document: Mapping[str, Any]) -> Reasons:
    """Returns the reasons of a parsed TOML document: `{lead: {disqualified: [...]}, case: {rejected:
    [...]}}`.

    A list that is left out has its default. Raises `Invalid`, which names the list and its fault.
    """
    _only(document, _TABLES, "There is no table {} of reasons.")
    given: dict[str, tuple[str, ...]] = {}
    for family, outcomes in _TABLES.items():
        table = document.get(family, {})
        if not isinstance(table, Mapping):
            raise Invalid(
                f"The reasons of a {family} are not a table. Give it a list by the name {outcomes[0]}."
            )
        _only(table, outcomes, f"There are no reasons {{}} of a {family}.")
        given |= {f"{family}_{one}": _list(family, one, table[one]) for one in outcomes if one in table}
    return Reasons(**given)


def _only(given: Mapping[str, Any], known: Mapping[str, Any] | Sequence[str], fact: str) -> None:
    """Refuses unknown names: a misspelled one would leave the default in force, unseen."""
    for name in given:
        if name not in known:
            raise Invalid(f"{fact.format(quoted(name))} Name one of: {', '.join(known)}.")


def _list(family: str, outcome: str, value: Any) -> tuple[str, ...]:
    where = f"The reasons for which a {family} is {outcome}"
    if not isinstance(value, list) or not value:
        raise Invalid(f"{where} are not a list, or an empty one. Give at least one.")
    if not all(isinstance(reason, str) and SLUG.fullmatch(reason) for reason in value):
        raise Invalid(f"{where} must each be a slug such as no-budget: small letters, digits and hyphens.")
    if len(set(value)) != len(value):
        raise Invalid(f"{where} name one twice. Give each once.")
    return tuple(value)


def configured_reasons(repository: Repository) -> Reasons:
    """The reasons in force."""
    found: Reasons = repository.configuration("reasons")
    return found
