"""What the roles may not do: each is tried, on the real database."""

from __future__ import annotations

import psycopg2
import pytest

from tests.support.database import migrated
from tests.support.store import execute, run, session, stored_event

APPEND = (
    "INSERT INTO store.event (aggregate_id, version, type, party, event)"
    " VALUES (gen_random_uuid(), 1, 't', gen_random_uuid(), '{}')"
)
CHOOSE = (
    "INSERT INTO store.event (position, aggregate_id, version, type, party, event) OVERRIDING SYSTEM VALUE"
    " VALUES (99, gen_random_uuid(), 1, 't', gen_random_uuid(), '{}')"
)
APP_MAY_NOT = {
    "change an event": "UPDATE store.event SET event = '{}'",
    "delete an event": "DELETE FROM store.event",
    "lock events for a change": "SELECT 1 FROM store.event FOR UPDATE",
    "truncate": "TRUNCATE store.event",
    "choose a position": CHOOSE,
    "choose a position by COPY": "COPY store.event FROM STDIN",
    "move the sequence": "SELECT setval('store.event_position_seq', 1)",
    "draw a position without an event": "SELECT nextval('store.event_position_seq')",
    "restart the sequence": "ALTER TABLE store.event ALTER COLUMN position RESTART",
    "disable the trigger": "ALTER TABLE store.event DISABLE TRIGGER hold_append_lock",
    "drop the trigger": "DROP TRIGGER hold_append_lock ON store.event",
    "replace the trigger's function": "CREATE OR REPLACE FUNCTION store.hold_append_lock() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "run without triggers": "SET session_replication_role = replica",
    "become the owner": "SET ROLE rapport_owner",
    "change a claim": "UPDATE store.claim SET id = gen_random_uuid()",
    "delete a claim": "DELETE FROM store.claim",
    "change a recorded answer": "UPDATE store.idempotency SET status = 200",
    "write a seal": "INSERT INTO store.seal VALUES (1, 1, 1, 1, '', '', now())",
    "change what is fixed": "UPDATE store.setting SET value = '7'",
    "move a key to another person": "UPDATE keys.person_key SET person = gen_random_uuid()",
    "delete a key": "DELETE FROM keys.person_key",
    "make a table": "CREATE TABLE store.mine (a int)",
    "make a schema": "CREATE SCHEMA mine",
}
RELAY_MAY_NOT = {
    "append": APPEND,
    "change an event": "UPDATE store.event SET event = '{}'",
    "change a seal": "UPDATE store.seal SET record = ''",
    "delete a seal": "DELETE FROM store.seal",
    "read keys": "SELECT * FROM keys.person_key",
    "read API keys": "SELECT * FROM access.api_key",
}
WORKER_MAY_NOT = {
    "append": APPEND,
    "change an event": "UPDATE store.event SET event = '{}'",
    "write a seal": "INSERT INTO store.seal VALUES (1, 1, 1, 1, '', '', now())",
    "read claims": "SELECT * FROM store.claim",
    "read requests": "SELECT * FROM store.idempotency",
    "make a key": "INSERT INTO keys.person_key (person, wrapped, kek) VALUES (gen_random_uuid(), '', '')",
    "read API keys": "SELECT * FROM access.api_key",
}
READER_MAY_NOT = {
    "read events": "SELECT * FROM store.event",
    "read seals": "SELECT * FROM store.seal",
    "read keys": "SELECT * FROM keys.person_key",
    "read API keys": "SELECT * FROM access.api_key",
    "make a table": "CREATE TABLE public.mine (a int)",
    "make a temporary table": "CREATE TEMPORARY TABLE mine (a int)",
}


@pytest.fixture(scope="module")
def cases() -> list[tuple[str, str, str]]:
    """Role, what it may not do, the statement that tries it."""
    tables = {"app": APP_MAY_NOT, "relay": RELAY_MAY_NOT, "worker": WORKER_MAY_NOT, "reader": READER_MAY_NOT}
    return [(role, what, tried) for role, table in tables.items() for what, tried in table.items()]


def test_no_role_may_do_what_is_none_of_its_business(
    fresh_database: str, cases: list[tuple[str, str, str]]
) -> None:
    """Given a store with an event, when each role tries each thing it must not do, then PostgreSQL refuses it
    for want of the privilege, and the event is as it was."""
    urls = migrated(fresh_database)
    with session(urls.app) as writer:
        run(writer, stored_event())
        writer.commit()
    before = execute(urls.admin, "SELECT e::text FROM store.event e")
    allowed = []
    for role, what, tried in cases:
        with session(getattr(urls, role), autocommit=True) as opened, opened.cursor() as cursor:
            try:
                cursor.execute(tried)
            except psycopg2.errors.InsufficientPrivilege:
                continue
            except psycopg2.Error as error:
                allowed.append(f"{role}: {what}: {error}")
            else:
                allowed.append(f"{role}: {what}")
    assert allowed == []
    assert execute(urls.admin, "SELECT e::text FROM store.event e") == before


def test_roles_may_do_their_work(fresh_database: str) -> None:
    """Given a migrated store, when each role does what it is for, then it is allowed."""
    urls = migrated(fresh_database)
    key = "(gen_random_uuid(), gen_random_uuid(), 'n', '', '{}', now())"
    for role, statement in (
        ("app", APPEND),
        ("app", "INSERT INTO store.claim VALUES ('s', 'x', gen_random_uuid(), NULL)"),
        ("app", "SELECT last_value FROM store.event_position_seq"),
        ("app", f"INSERT INTO access.api_key VALUES {key}"),
        ("relay", "SELECT * FROM store.event"),
        ("relay", "INSERT INTO store.seal VALUES (1, 1, 1, 1, '', '', now())"),
        ("relay", "INSERT INTO store.relay (state, heartbeat) VALUES ('leading', now())"),
        ("worker", "SELECT * FROM store.event, store.seal, store.setting, store.relay"),
        ("worker", "SELECT * FROM keys.person_key"),
        ("worker", "CREATE TEMPORARY TABLE batch (a int)"),
    ):
        execute(getattr(urls, role), statement)


def test_a_stranger_does_not_get_in(fresh_database: str) -> None:
    """Given a role of the server that is none of ours, when it connects, then it is refused."""
    urls = migrated(fresh_database)
    execute(urls.admin, "CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    try:
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            execute(urls.app.replace("rapport_app:test%20rapport_app", "stranger:stranger"), "SELECT 1")
    finally:
        execute(urls.admin, "DROP ROLE stranger")


def test_a_writer_that_stalls_is_ended(fresh_database: str) -> None:
    """Given the roles that write the store, then PostgreSQL ends their transactions when they idle: one that
    stalls would hold back every reader."""
    urls = migrated(fresh_database)
    for url in (urls.app, urls.relay):
        assert execute(url, "SHOW idle_in_transaction_session_timeout") == [("30s",)]
        assert execute(url, "SHOW synchronous_commit") == [("on",)]
