'''Imports of files through the command handlers.

Every module in this folder is an import and declares it as `IMPORT`: `maven` (a pipeline of opportunities),
`cdnow` (purchases) and `incidents` (the audit log of a service desk). `kit/` is what imports are made with. A
folder such as `maven_files/` has what one import alone needs; `maven.toml` says what its files leave open.

Add an import of a CSV file
---------------------------
1. Write `commands/imports/contacts.py`, as below. The command line makes a verb of each module here: `rapport
   import contacts FILE`, with help, progress, a report by line, and `--json`.
2. Write its test, after `tests/integration/imports/test_import_example.py`.
3. Run `make freeze`, which adds the verb to the frozen help texts.

Each line becomes the records that `records` names, in that order. The external id of a record is the value in
the column `key`; with `private_key` the id hides that value, since external ids are not private. By that id a
second run finds the record: it leaves the same row alone and refuses another one. Rows that `required` or the
domain refuse are reported by line. Import commands within the functions: the command line reads declarations
whenever it starts, and loads the store's libraries for a run alone.

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

For files of another kind, declare `kit.declaration.Import` with a function that reads them and records with
the `ImportRun` that it is given; `cdnow.py` is the shortest one.
'''
