"""The list of all record types. A new one is a line here.

Each record type is declared in its own package (`domain/sales/lead/__init__.py`). Made from this list: the
catalogue of events and their topics, replay, the person's export, legal holds, erasure, history exports,
routes of records and audits, command-line choices, the targets of identity, and the tests' own lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.activities.interaction import INTERACTION
from domain.customers.contact import CONTACT
from domain.customers.customer import CUSTOMER
from domain.directory.principal import PRINCIPAL
from domain.kernel.command import Command
from domain.kernel.errors import Invalid
from domain.kernel.record_type import RecordType
from domain.kernel.text import quoted
from domain.operations.read_model import READ_MODEL
from domain.privacy.erasure import ERASURE
from domain.privacy.history_export import HISTORY_EXPORT
from domain.privacy.key_rotation import KEY_ROTATION
from domain.privacy.legal_hold import LEGAL_HOLD
from domain.privacy.person_export import PERSON_EXPORT
from domain.privacy.private_read import PRIVATE_READ
from domain.privacy.retention import RETENTION
from domain.sales.lead import LEAD
from domain.sales.opportunity import OPPORTUNITY
from domain.sales.product import PRODUCT
from domain.service.case import CASE

RECORD_TYPES: Final[tuple[RecordType, ...]] = (
    PRINCIPAL,
    PRODUCT,
    CUSTOMER,
    OPPORTUNITY,
    CONTACT,
    LEAD,
    CASE,
    INTERACTION,
    READ_MODEL,
    ERASURE,
    LEGAL_HOLD,
    RETENTION,
    KEY_ROTATION,
    PERSON_EXPORT,
    PRIVATE_READ,
    HISTORY_EXPORT,
)

BY_NAME: Final[Mapping[str, RecordType]] = {each.name: each for each in RECORD_TYPES}
BY_FAMILY: Final[Mapping[str, RecordType]] = {each.family: each for each in RECORD_TYPES if each.commands}
BY_COMMAND: Final[Mapping[type[Command], RecordType]] = {
    command: each for each in RECORD_TYPES for command in each.commands
}

BUSINESS: Final = tuple(each for each in RECORD_TYPES if each.commands)
"""The records of the business: those that public commands make and change."""
AUDITED: Final = tuple(each for each in BUSINESS if each.audited)
"""Those whose history auditors can replay."""
PERSONS: Final = tuple(each for each in BUSINESS if each.erase is not None)
"""Those that are a person."""


def audited(name: str) -> RecordType:
    """Returns the record type of that name, for an audit. Raises `Invalid`, which lists the names."""
    return _one_of(AUDITED, name)


def person(name: str) -> RecordType:
    """Returns the record type of that name that is a person. Raises `Invalid`, which lists the names."""
    return _one_of(PERSONS, name)


def _one_of(these: tuple[RecordType, ...], name: str) -> RecordType:
    found = BY_NAME.get(name)
    if found is None or found not in these:
        names = ", ".join(each.name for each in these)
        raise Invalid(f"There is no record type {quoted(name)} here. Name one of: {names}.")
    return found
