"""An installation with sealed and published events, and damage done to its store as a superuser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from commands.dispatch.decision import Targeted
from deploy.settings import load
from deploy.wiring import processes, wiring
from domain.customers.contact.commands import AddContactPoint, RegisterContact
from domain.customers.customer.commands import AssignCustomerOwner, ChangeCustomer, RegisterCustomer
from domain.directory.principal.commands import RegisterPrincipal
from domain.kernel.values import Reference
from tests.support.commanding import run, shared_passwords
from tests.support.kafka import delete_topics
from tests.support.relaying import until
from tests.support.restoring import context
from tests.support.store import execute

EVENTS = 18
KEPT = ("event", "seal", "relay", "incarnation", "claim", "contact_index")


def published(home: Path, admin: str, bootstrap: str) -> Path:
    """Migrates `home`, records 18 events by three times six, and publishes each six in a seal or more."""
    delete_topics(bootstrap)
    shared_passwords(home)
    services = {"RAPPORT_ADMIN_URL": admin, "RAPPORT_KAFKA_BOOTSTRAP": bootstrap}
    code, said = run(home, "migrate", **services)
    assert code == 0, said
    with wiring.Wiring(load(home=home)) as wired:
        stop = threading.Event()
        relaying = threading.Thread(target=processes.relay(wired).run, args=(stop,))
        relaying.start()
        try:
            for number in range(3):
                record_six(wired, number)
                _until_published(admin)
        finally:
            stop.set()
            relaying.join()
    return home


def _until_published(admin: str) -> None:
    head = execute(admin, "SELECT max(position) FROM store.event")
    until(lambda: execute(admin, "SELECT position FROM store.relay") == head, "all is published", 60)


def record_six(wired: wiring.Wiring, number: int) -> None:
    """An owner, a customer with three versions, and a contact with two: 6 events."""

    def execute(command: Targeted) -> Any:
        return wired.commands.execute(command, context()).id

    owner = execute(RegisterPrincipal(kind="agent", name=f"Owner {number}"))
    reference = Reference(source="erp", external_id=str(number))
    customer = execute(RegisterCustomer(kind="organisation", name=f"Acme {number}", reference=reference))
    execute(AssignCustomerOwner(id=customer, owner_id=owner))
    execute(ChangeCustomer(id=customer, name=f"Bolt {number}"))
    contact = execute(RegisterContact(customer_id=customer, name="Somebody"))
    execute(AddContactPoint(id=contact, kind="email", value=f"{number}@example.org"))


@contextmanager
def damaged(admin: str, *statements: str) -> Iterator[None]:
    """The store after these statements of a superuser; afterwards it is as it was."""
    keeping = [f"CREATE TABLE kept_{name} AS TABLE store.{name}" for name in KEPT]
    putting_back = [
        f"DELETE FROM store.{name}; INSERT INTO store.{name} OVERRIDING SYSTEM VALUE TABLE kept_{name};"
        f" DROP TABLE kept_{name}"
        for name in KEPT
    ]
    with closing(psycopg2.connect(admin)) as opened:
        opened.autocommit = True
        with opened.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            for statement in keeping:
                cursor.execute(statement)
            cursor.execute("SELECT last_value FROM store.event_position_seq")
            last = cursor.fetchall()[0][0]
            try:
                for statement in statements:
                    cursor.execute(statement)
                yield
            finally:
                for statement in putting_back:
                    cursor.execute(statement)
                cursor.execute("SELECT setval('store.event_position_seq', %s)", (last,))
