"""The export of all data about one person, for that person: as JSON, and as a page to read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from typing import Any, Final
from uuid import UUID

import orjson

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, RecordChange, events_of
from commands.privacy.person import People, Person
from commands.store.application import Crm
from commands.store.privacy_events import PrivacyEvents
from domain.activities.interaction import INTERACTION
from domain.customers.contact import CONTACT
from domain.customers.customer import CUSTOMER
from domain.events.catalogue import CATALOGUE
from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate, Evolve, replay
from domain.privacy.person_export import PersonExported
from domain.record_types import BUSINESS
from domain.sales.lead import LEAD

VERSION: Final = 1
_ORDER: Final = [each.exported_as for each in (CUSTOMER, LEAD, CONTACT, INTERACTION)]
"""The sections that come first; those of other record types follow in their order."""
_EXPORTED: Final = sorted(
    (each for each in BUSINESS if each.exported_as is not None),
    key=lambda each: _ORDER.index(each.exported_as) if each.exported_as in _ORDER else len(_ORDER),
)
SECTIONS: Final[Mapping[str, Evolve[Any]]] = {
    str(each.exported_as): each.evolve for each in _EXPORTED if each.evolve is not None
}
"""Sections, in their order, with how their records are read."""
_SECTION_OF: Final = {each.family: str(each.exported_as) for each in _EXPORTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is known of a person.

    `document` is JSON-ready: {version, exported_at, person, sections: {name: [{id, now, history}]}}; `now` is
    the record as it is, `history` its events, the first first. What can't be read is null.
    """

    document: Mapping[str, Any]

    def as_json(self) -> bytes:
        """For machines."""
        return orjson.dumps(self.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def as_html(self) -> str:
        """For people: one page without scripts, nothing is fetched."""
        parts = [
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>What is known of you</title>',
            "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto}"
            "td{vertical-align:top;padding:0 1em .2em 0}</style>",
            f"<h1>What is known of you</h1><p>As of {escape(self.document['exported_at'])}.</p>",
        ]
        for name, records in self.document["sections"].items():
            parts.append(f"<h2>{escape(name.capitalize())}</h2>")
            parts += [_record(each) for each in records] or ["<p>Nothing.</p>"]
        return "\n".join([*parts, "</html>\n"])

    def as_zip(self) -> bytes:
        """Both, as `person.json` and `person.html`."""
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("person.json", self.as_json())
            file.writestr("person.html", self.as_html())
        return written.getvalue()


def export(crm: Crm, people: People, kind: str, id: UUID, context: Context) -> Export:
    """Gathers the data and records the export. Raises `NotFound`, `Invalid`, and the errors of `links`."""
    person = people.find(kind, id)
    sections: dict[str, list[dict[str, Any]]] = {name: [] for name in SECTIONS}
    for section, events in _records(crm, person):
        state = replay(SECTIONS[section], None, events)
        assert state is not None, "a stream has events"
        sections[section].append(
            {"id": str(state.id), "now": _now(state), "history": [_told(event) for event in events]}
        )
    _note(crm, id, sections, context)
    return Export(
        document={
            "version": VERSION,
            "exported_at": _plain(context.now),
            "person": str(id),
            "sections": sections,
        }
    )


def _records(crm: Crm, person: Person) -> Iterable[tuple[str, list[Event]]]:
    """The events of each record, by section and then by when it was begun."""
    asked = PrivacyEvents(crm.pool)
    own = [each.id for each in (*person.customers, *person.contacts, *person.leads)]
    ids = {*own, *person.incoming, *asked.aggregates_of(person.parties)} - {*person.away}
    if not person.customers:
        # One of an organisation's contacts: there, what it took part in is its own.
        ids |= asked.naming({each.party for each in person.contacts}, own)
    found = []
    for events in crm.streams(sorted(ids)).values():
        section = _SECTION_OF.get(CATALOGUE.of(events[0].payload).family)
        if section is not None:
            found.append((section, events))
    order = list(SECTIONS)
    return sorted(found, key=lambda each: (order.index(each[0]), each[1][0].recorded, each[1][0].id))


def _note(crm: Crm, party: UUID, sections: Mapping[str, Sequence[Any]], context: Context) -> None:
    """Records the export before it is returned: one that can't be recorded does not happen."""
    payload = PersonExported(party=party, sections=tuple(name for name, found in sections.items() if found))
    id = context.new_id()
    created = RecordChange(id=id, party=id, state=None, payloads=(payload,), at=None)
    crm.record(events_of(Decision(changes=(created,)), context))


def _now(state: Aggregate) -> dict[str, Any]:
    return {each.name: _plain(getattr(state, each.name)) for each in fields(state) if each.name != "id"}


def _told(event: Event) -> dict[str, Any]:
    said = {each.name: _plain(getattr(event.payload, each.name)) for each in fields(event.payload)}
    return {
        "event": event.id,
        "type": CATALOGUE.of(event.payload).name,
        "happened": _plain(event.time),
        "recorded": _plain(event.recorded),
        "by": str(event.actor.id),
        "what": {name: value for name, value in said.items() if value not in (None, [], {})},
    }


def _plain(value: Any) -> Any:
    """As JSON; what was erased is null."""
    if value is None or isinstance(value, Unreadable):
        return None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID | Decimal | date):
        return str(value)
    if isinstance(value, Mapping):
        return {
            "/".join(map(str, key)) if isinstance(key, tuple) else str(key): _plain(each)
            for key, each in value.items()
        }
    if isinstance(value, set | frozenset):
        return sorted(_plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"a {type(value).__name__} is in no record")


def _record(record: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td>{escape(_words(value))}</td></tr>"
        for name, value in record["now"].items()
        if value not in (None, [], {})
    ]
    history = [
        f"<li>{escape(each['happened'])}: {escape(each['type'].removeprefix('crm.').replace('_', ' '))}"
        f"<br>{escape(_words(each['what']))}</li>"
        for each in record["history"]
    ]
    return f"<h3>{escape(record['id'])}</h3><table>{''.join(rows)}</table><ol>{''.join(history)}</ol>"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name.replace('_', ' ')}: {_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value)
    return "" if value is None else str(value)
