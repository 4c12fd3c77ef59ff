"""The rows of an incident log, normalised, and put in order: pure functions.

Each row is one update of one incident and says everything about it anew. A row's `normal` is what its case's
digest is made of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from commands.imports.incidents_log.config import IncidentsConfig
from commands.imports.kit.fields import RowRefused, required, shown, whole
from commands.imports.kit.table import Line
from domain.service.case.events import CaseState

ATTRIBUTES: Final = {
    "subcategory": "subcategory",
    "u_symptom": "symptom",
    "location": "location",
    "impact": "impact",
    "urgency": "urgency",
    "problem_id": "problem",
    "rfc": "change_request",
    "vendor": "vendor",
    "knowledge": "knowledge",
    "u_priority_confirmation": "priority_confirmed",
    "opened_by": "opened_by",
}
"""Columns that are kept as the case's attributes, and under which name."""

COLUMNS: Final = (
    "number", "incident_state", "sys_mod_count", "made_sla", "caller_id", "opened_at", "sys_updated_at",
    "contact_type", "category", "cmdb_ci", "priority", "assignment_group", "assigned_to", "caused_by",
    "closed_code", *ATTRIBUTES,
)  # fmt: skip

_STAMP: Final = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4}) ([0-9]{1,2}):([0-9]{2})")
_PRIORITY: Final = re.compile(r"([1-4])( - .*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One row: what the log said of the case `number` at `updated`; None where it said nothing.

    `word` is the log's name of the state; `attributes` has what is kept beside the case's own fields.
    """

    line: Line
    normal: Mapping[str, str]
    number: str
    count: int
    word: str
    state: CaseState
    met_sla: bool
    caller: str | None
    opened: datetime
    updated: datetime
    channel: str | None
    category: str | None
    product: str | None
    priority: int
    queue: str | None
    owner: str | None
    cause: str | None
    code: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLog:
    """All rows of the case `name`, in their order; `line` is that of the first one."""

    name: str
    line: int
    rows: tuple[Update, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom the log names: since the earliest opening of their cases, and first on `line`."""

    name: str
    line: int
    since: datetime


def update(line: Line, config: IncidentsConfig) -> Update:
    """The row on `line`. Raises `RowRefused`."""
    fields = line.fields

    def text(column: str) -> str | None:
        value = fields[column]
        return None if value in ("", config.unknown) else required(column, value)

    number = required("number", fields["number"])
    word = fields["incident_state"]
    state = config.states.get(word)
    if state is None:
        raise RowRefused(
            f"The incident_state {shown(word) or '(empty)'} is unknown; the configuration has "
            f"{', '.join(config.states)}. Correct it, or configure the state."
        )
    channel = text("contact_type")
    attributes = {name: value for column, name in ATTRIBUTES.items() if (value := text(column)) is not None}
    if word in config.ambiguous:
        attributes["incident_state"] = word
    return Update(
        line=line,
        normal={column: " ".join(fields[column].split()) for column in COLUMNS},
        number=number,
        count=int(whole("sys_mod_count", fields["sys_mod_count"]) or _missing("sys_mod_count")),
        word=word,
        state=state,
        met_sla=_verdict(fields["made_sla"]),
        caller=text("caller_id"),
        opened=_moment("opened_at", fields["opened_at"], config),
        updated=_moment("sys_updated_at", fields["sys_updated_at"], config),
        channel=None if channel is None else channel.lower(),
        category=text("category"),
        product=text("cmdb_ci"),
        priority=_priority(fields["priority"]),
        queue=text("assignment_group"),
        owner=text("assigned_to"),
        cause=text("caused_by"),
        code=text("closed_code"),
        attributes=attributes,
    )


def in_order(rows: Iterable[Update]) -> tuple[Update, ...]:
    """The rows of one case in the order of their counts; a row that repeats another is left out.

    A row that was updated before the case was opened stands at the beginning, whatever its count says: where
    the log has such rows, their counts are those of rows much later, and one would seem to reopen its case.
    """
    once = {tuple(row.normal.items()): row for row in rows}
    return tuple(
        sorted(once.values(), key=lambda row: (row.updated >= row.opened, row.count, row.line.number))
    )


def case_log(rows: Iterable[Update]) -> CaseLog:
    """The rows of one case, put in order."""
    ordered = in_order(rows)
    return CaseLog(name=ordered[0].number, line=ordered[0].line.number, rows=ordered)


def people(logs: Iterable[CaseLog], name_of: Callable[[Update], str | None]) -> list[Person]:
    """Everybody who is named so in the cases, in the order of the first rows that name them."""
    found: dict[str, Person] = {}
    for row in (row for log in logs for row in log.rows):
        name = name_of(row)
        if name is not None:
            known = found.get(name, Person(name=name, line=row.line.number, since=row.opened))
            found[name] = replace(known, since=min(known.since, row.opened))
    return list(found.values())


def _missing(column: str) -> str:
    raise RowRefused(f"The {column} is empty. Fill it in.")


def _verdict(text: str) -> bool:
    if text.upper() not in ("TRUE", "FALSE"):
        raise RowRefused(f"The made_sla {shown(text) or '(empty)'} is neither TRUE nor FALSE. Correct it.")
    return text.upper() == "TRUE"


def _priority(text: str) -> int:
    written = _PRIORITY.fullmatch(text)
    if not written:
        raise RowRefused(
            f"The priority {shown(text) or '(empty)'} is not valid. Write 1 - Critical to 4 - Low, or the "
            "digit."
        )
    return int(written[1])


def _moment(column: str, text: str, config: IncidentsConfig) -> datetime:
    """A local time, day first, as an instant."""
    written = _STAMP.fullmatch(text)
    try:
        day, month, year, hour, minute = (int(part) for part in written.groups()) if written else (0,) * 5
        return datetime(year, month, day, hour, minute, tzinfo=config.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RowRefused(
            f"The {column} {shown(text) or '(empty)'} is not a time. Write day-month-year hour:minute, such "
            "as "
            "29-02-2016 01:16."
        ) from None
