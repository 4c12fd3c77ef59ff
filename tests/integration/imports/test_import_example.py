"""The import of the guide: rows come in, bad ones are reported by line, a second run changes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

import commands.imports
from deploy.cli import import_, main
from deploy.secrets import Secrets
from domain.customers.contact import events as contact
from domain.customers.customer import events as customer
from tests.support.commanding import run
from tests.support.database import Urls, migrated
from tests.support.example_imports import contacts
from tests.support.import_runs import file_of
from tests.support.importing import KEY, Importing, importing

HEADER = "company,name,email"
ROWS = ("Acme,Ann Lee,ann@acme.example", "Acme,Bob Ray,bob@acme.example", "Byte,Cid Fox,cid@byte.example")


@dataclass(frozen=True)
class Installation:
    """An empty store, and a command line that has the import `contacts`."""

    urls: Urls
    home: Path
    store: Importing

    def imports(self, *rows: str) -> tuple[int, str]:
        """Exit code of `rapport import contacts` with these rows, and what it said."""
        file = file_of(self.home / "contacts.csv", HEADER, *rows)
        return run(self.home, "import", "contacts", str(file), RAPPORT_STORE_URL=self.urls.app)


@pytest.fixture
def here(fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    folder = str(Path(inspect.getfile(contacts)).parent)
    monkeypatch.setattr(commands.imports, "__path__", [*commands.imports.__path__, folder])
    command_line = typer.Typer()
    import_.register(command_line)
    monkeypatch.setattr(main, "app", command_line)
    secrets = Secrets(tmp_path / "secrets")
    for name in ("kek", "id-key", "idempotency-key"):
        secrets.keep(name, KEY.hex)
    secrets.ensure()
    urls = migrated(fresh_database)
    with importing(urls.app) as store:
        yield Installation(urls, tmp_path, store)


def test_rows_become_customers_and_their_contacts(here: Installation) -> None:
    code, said = here.imports(*ROWS)

    assert code == 0, said
    assert "5 records created, 0 unchanged; every row was taken." in said
    events = here.store.events()
    payloads = [event.payload for event in events]
    companies = {
        event.originator_id: event.payload.organisation_name
        for event in events
        if isinstance(event.payload, customer.Registered)
    }
    assert {
        (companies[payload.customer_id], payload.name)
        for payload in payloads
        if isinstance(payload, contact.Registered)
    } == {("Acme", "Ann Lee"), ("Acme", "Bob Ray"), ("Byte", "Cid Fox")}
    assert {payload.value for payload in payloads if isinstance(payload, contact.PointAdded)} == {
        "ann@acme.example",
        "bob@acme.example",
        "cid@byte.example",
    }


def test_no_address_stands_in_a_claim(here: Installation) -> None:
    here.imports(*ROWS)

    assert not here.store.ids("contacts-person", "ann@acme.example")
    assert set(here.store.ids("contacts-company", "Acme", "Byte")) == {"Acme", "Byte"}


def test_bad_rows_are_reported_by_line_and_taken_once_corrected(here: Installation) -> None:
    bad = ("Acme,Dan Poe,not an address", ",Eve Orr,eve@nowhere.example", "Acme,,fay@acme.example", "cut")

    code, said = here.imports(*ROWS[:2], *bad, ROWS[2])

    assert code == 1
    assert "contacts.csv line 4: The email address is not valid: it needs a name, one @ and a domain." in said
    assert "contacts.csv line 5: The company is empty. Fill it in." in said
    assert "contacts.csv line 5: The record of this row among the customers was not taken." in said
    assert "contacts.csv line 6: The name is empty. Fill it in." in said
    assert "contacts.csv line 7: The row has 1 fields where the header has 3." in said
    assert "5 records created" in said

    code, said = here.imports(*ROWS, "Acme,Dan Poe,dan@acme.example")

    assert code == 0
    assert "1 records created, 5 unchanged; every row was taken." in said


def test_a_second_run_changes_nothing_and_says_so(here: Installation) -> None:
    here.imports(*ROWS)
    before = len(here.store.events())

    code, said = here.imports(*ROWS)

    assert code == 0
    assert "Everything is unchanged: all 5 records were there already." in said
    assert len(here.store.events()) == before


def test_a_row_that_says_something_else_is_refused(here: Installation) -> None:
    """Imports only add: a name that was corrected in the list is a matter for a command."""
    here.imports(*ROWS)

    code, said = here.imports("Acme,Ann Lee-Smith,ann@acme.example")

    assert code == 1
    assert "contacts.csv line 2: This row was imported before, with other content" in said
