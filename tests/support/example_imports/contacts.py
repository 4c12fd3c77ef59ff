"""Imports a list of contacts: organisations as customers, and their people with e-mail addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from commands.imports.kit.csv_import import CsvRecord, CsvRow, csv_import
from commands.imports.kit.fields import required

if TYPE_CHECKING:
    from domain.kernel.command import Command


def company(row: CsvRow) -> Sequence[Command]:
    """The organisation on a line."""
    from domain.customers.customer.commands import RegisterCustomer

    return [
        RegisterCustomer(
            kind="organisation",
            name=required("company", row.fields["company"]),
            imported=True,
            reference=row.reference,
            id=row.id,
        )
    ]


def contact(row: CsvRow) -> Sequence[Command]:
    """The person on a line, at the organisation there."""
    from domain.customers.contact.commands import AddContactPoint, RegisterContact

    return [
        RegisterContact(
            customer_id=row.record("customers"),
            name=required("name", row.fields["name"]),
            imported=True,
            reference=row.reference,
            id=row.id,
        ),
        AddContactPoint(id=row.id, kind="email", value=row.fields["email"]),
    ]


IMPORT: Final = csv_import(
    help="Imports a list of contacts. Bad rows are reported by line, the good ones are taken.",
    path_help="The list, with the columns company, name and email (.csv or .csv.gz).",
    columns=("company", "name", "email"),
    records=(
        CsvRecord(
            kind="customers",
            source="contacts-company",
            key="company",
            columns=("company",),
            commands=company,
        ),
        CsvRecord(
            kind="contacts",
            source="contacts-person",
            key="email",
            private_key=True,
            commands=contact,
        ),
    ),
)
