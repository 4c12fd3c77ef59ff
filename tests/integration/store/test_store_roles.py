"""What the roles may not do: each is tried, on the real database."""

from __future__ import annotations

from contextlib import suppress

import psycopg2
import pytest

from commands.store.event_reader import EventReader, HighWaterMarkTimeout
from tests.support.database import Urls
from tests.support.store import execute, run, session, stored_event

APPEND = (
    "INSERT INTO store.event (aggregate_id, version, type, party, event)"
    " VALUES (gen_random_uuid(), 1, 't', gen_random_uuid(), '{}')"
)
CHOOSE = (
    "INSERT INTO store.event (position, aggregate_id, version, type, party, event) OVERRIDING SYSTEM VALUE"
    " VALUES (99, gen_random_uuid(), 1, 't', gen_random_uuid(), '{}')"
)
# What is for ever, with a column of each.
FOR_EVER = {
    "event": "event",
    "seal": "record",
    "claim": "id",
    "incarnation": "timeline",
    "setting": "value",
    "schema_version": "version_num",
}
ROLES = ("app", "relay", "worker", "reader")
NOBODY_MAY = {
    **{
        f"change {table}": f"UPDATE store.{table} SET {column} = {column}"
        for table, column in FOR_EVER.items()
    },
    **{f"delete from {table}": f"DELETE FROM store.{table}" for table in FOR_EVER},
    **{f"truncate {table}": f"TRUNCATE store.{table}" for table in FOR_EVER},
    **{f"drop {table}": f"DROP TABLE store.{table} CASCADE" for table in FOR_EVER},
    **{f"own {table}": f"ALTER TABLE store.{table} OWNER TO CURRENT_USER" for table in FOR_EVER},
    **{
        f"put a rule on {table}": f"CREATE RULE mine AS ON INSERT TO store.{table} DO INSTEAD NOTHING"
        for table in FOR_EVER
    },
    "change an event that is there already": APPEND + " ON CONFLICT (aggregate_id, version)"
    " DO UPDATE SET event = excluded.event",
    "change events by merging": "MERGE INTO store.event e USING store.event f ON e.position = f.position"
    " WHEN MATCHED THEN DELETE",
    "lock events for a change": "SELECT 1 FROM store.event FOR UPDATE",
    "lock events for a reference": "SELECT 1 FROM store.event FOR KEY SHARE",
    "lock others out": "BEGIN; LOCK TABLE store.event IN SHARE MODE",
    "choose a position": CHOOSE,
    "choose a position by COPY": "COPY store.event FROM STDIN",
    "move the sequence": "SELECT setval('store.event_position_seq', 1)",
    "draw a position without an event": "SELECT nextval('store.event_position_seq')",
    "restart the sequence": "ALTER TABLE store.event ALTER COLUMN position RESTART",
    "change the sequence": "ALTER SEQUENCE store.event_position_seq CACHE 100",
    "drop the position's rule": "ALTER TABLE store.event ALTER COLUMN position DROP IDENTITY",
    "disable the trigger": "ALTER TABLE store.event DISABLE TRIGGER hold_append_lock",
    "disable all triggers": "ALTER TABLE store.event DISABLE TRIGGER ALL",
    "rename the trigger": "ALTER TRIGGER hold_append_lock ON store.event RENAME TO mine",
    "drop the trigger": "DROP TRIGGER hold_append_lock ON store.event",
    "add a trigger": "CREATE TRIGGER mine BEFORE INSERT ON store.event"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "replace the trigger's function": "CREATE OR REPLACE FUNCTION store.hold_append_lock() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "change the trigger's function": "ALTER FUNCTION store.hold_append_lock() SET search_path = pg_temp",
    "drop the trigger's function": "DROP FUNCTION store.hold_append_lock() CASCADE",
    "run without triggers": "SET session_replication_role = replica",
    "drop what is unique": "ALTER TABLE store.event DROP CONSTRAINT event_aggregate_version",
    "hide events": "ALTER TABLE store.event ENABLE ROW LEVEL SECURITY",
    "take events elsewhere": "ALTER TABLE store.event SET SCHEMA public",
    "become the owner": "SET ROLE rapport_owner",
    "become the superuser": "SET ROLE postgres",
    "be somebody else": "SET SESSION AUTHORIZATION rapport_owner",
    "be given the owner's role": "GRANT rapport_owner TO CURRENT_USER",
    "get rid of its limits": "ALTER ROLE CURRENT_USER SUPERUSER",
    "make a role": "CREATE ROLE mine",
    "make a table": "CREATE TABLE store.mine (a int)",
    "make a table in the open": "CREATE TABLE public.mine (a int)",
    "make a function in the open": "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "make a schema": "CREATE SCHEMA mine",
    "own the schema": "ALTER SCHEMA store OWNER TO CURRENT_USER",
    "change others' settings": "ALTER ROLE rapport_owner SET session_replication_role = replica",
    "change the server's settings": "ALTER SYSTEM SET session_replication_role = replica",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "read the server's files": "SELECT pg_read_file('PG_VERSION')",
}
MAY_NOT = {
    "app": {
        "change a recorded answer": "UPDATE store.idempotency SET status = 200",
        "write a seal": "INSERT INTO store.seal VALUES (1, 1, 1, 1, '', '', now())",
        "make an incarnation": "INSERT INTO store.incarnation (system_identifier, timeline) VALUES (1, 1)",
        "fix a setting": "INSERT INTO store.setting VALUES ('mine', '1')",
        "write the relay's state": "UPDATE store.relay SET state = 'leading'",
        "move a key to another person": "UPDATE keys.person_key SET person = gen_random_uuid()",
        "delete a key": "DELETE FROM keys.person_key",
    },
    "relay": {
        "append": APPEND,
        "take a claim": "INSERT INTO store.claim VALUES ('s', 'x', gen_random_uuid(), NULL)",
        "make an incarnation": "INSERT INTO store.incarnation (system_identifier, timeline) VALUES (1, 1)",
        "read keys": "SELECT * FROM keys.person_key",
        "read API keys": "SELECT * FROM access.api_key",
    },
    "worker": {
        "append": APPEND,
        "write a seal": "INSERT INTO store.seal VALUES (1, 1, 1, 1, '', '', now())",
        "read claims": "SELECT * FROM store.claim",
        "read requests": "SELECT * FROM store.idempotency",
        "make a key": "INSERT INTO keys.person_key (person, wrapped, kek) VALUES (gen_random_uuid(), '', '')",
        "read API keys": "SELECT * FROM access.api_key",
    },
    "reader": {
        "append": APPEND,
        "read events": "SELECT * FROM store.event",
        "read seals": "SELECT * FROM store.seal",
        "read keys": "SELECT * FROM keys.person_key",
        "read API keys": "SELECT * FROM access.api_key",
        "make a temporary table": "CREATE TEMPORARY TABLE mine (a int)",
    },
}
# PostgreSQL only warns of these, to who has some right already, and does nothing.
IN_VAIN = [
    f"GRANT {right} ON store.{table} TO CURRENT_USER" for table in FOR_EVER for right in ("ALL", "UPDATE")
]
# What must be the same afterwards: rows, what is enforced, who may do what, what the sequence gives next.
STATE = """
    SELECT (SELECT array_agg(e::text ORDER BY position) FROM store.event e),
           (SELECT array_agg(s::text ORDER BY sequence) FROM store.seal s),
           (SELECT array_agg(c::text) FROM store.claim c),
           (SELECT array_agg(i::text) FROM store.incarnation i),
           (SELECT array_agg(s::text ORDER BY name) FROM store.setting s),
           (SELECT array_agg(t::text ORDER BY oid) FROM pg_trigger t WHERE tgrelid = 'store.event'::regclass),
           (SELECT array_agg(p::text ORDER BY oid) FROM pg_proc p
             WHERE pronamespace IN ('store'::regnamespace, 'public'::regnamespace)),
           (SELECT array_agg((relname, relowner, relacl, relrowsecurity, relhasrules)::text ORDER BY oid)
              FROM pg_class WHERE relnamespace = 'store'::regnamespace),
           (SELECT array_agg((attrelid, attname, attidentity, attacl)::text ORDER BY attrelid, attnum)
              FROM pg_attribute WHERE attrelid = 'store.event'::regclass),
           (SELECT (last_value, is_called)::text FROM store.event_position_seq)
"""


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_change_what_is_for_ever_nor_what_protects_it(each_store: Urls, role: str) -> None:
    """Given a store with an event, a seal and a claim, when a role tries each thing that it must not do, then
    PostgreSQL refuses it for want of the privilege, and rows, triggers, functions, grants and sequence are as
    they were."""
    with session(each_store.app, autocommit=True) as writer:
        run(writer, stored_event())
        execute(each_store.app, "INSERT INTO store.claim VALUES ('s', 'x', gen_random_uuid(), NULL)")
    execute(each_store.relay, "INSERT INTO store.seal VALUES (1, 1, 1, 1, '', '', now())")
    before = execute(each_store.admin, STATE)
    allowed = []
    for what, tried in (NOBODY_MAY | MAY_NOT[role]).items():
        with session(getattr(each_store, role), autocommit=True) as opened, opened.cursor() as cursor:
            try:
                cursor.execute(tried)
            except psycopg2.errors.InsufficientPrivilege:
                continue
            except psycopg2.Error as error:
                allowed.append(f"{what}: {error}")
            else:
                allowed.append(what)
    for tried in IN_VAIN:
        with suppress(psycopg2.errors.InsufficientPrivilege):
            execute(getattr(each_store, role), tried)
    assert allowed == []
    assert execute(each_store.admin, STATE) == before


def test_a_sessions_own_objects_and_search_path_stand_in_for_nothing(each_store: Urls) -> None:
    """Given a session of the application that puts tables and functions of its own before all others, when it
    appends, then the event is in the store, and a follower waits for it: the lock was taken all the same."""
    with session(each_store.app, autocommit=True) as opened, opened.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE event (LIKE store.event)")
        cursor.execute(
            "CREATE FUNCTION pg_temp.pg_advisory_xact_lock_shared(integer, integer) RETURNS void"
            " LANGUAGE sql AS 'SELECT'"
        )
        cursor.execute(
            "CREATE FUNCTION pg_temp.hold_append_lock() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'"
        )
        cursor.execute("SET search_path = pg_temp, store, pg_catalog")
        opened.autocommit = False
        position = run(opened, stored_event())
        with EventReader(each_store.relay) as follower:
            with pytest.raises(HighWaterMarkTimeout):
                follower.high_water_mark(timeout=0.1)
            opened.commit()
            assert follower.high_water_mark() == position
    assert execute(each_store.admin, "SELECT count(*) FROM store.event") == [(1,)]


def test_a_session_cannot_let_go_of_the_lock(each_store: Urls) -> None:
    """Given an append, when its session gives back every lock that it may, then a follower still waits for
    it."""
    with session(each_store.app) as opened, opened.cursor() as cursor:
        run(opened, stored_event())
        cursor.execute(
            "SELECT pg_advisory_unlock_all(), pg_advisory_unlock_shared(1380012112, 1),"
            " pg_advisory_unlock(1380012112, 1)"
        )
        with EventReader(each_store.relay) as follower, pytest.raises(HighWaterMarkTimeout):
            follower.high_water_mark(timeout=0.1)


def test_roles_are_nobody_else(each_store: Urls) -> None:
    """Given the roles, then none may do more on the server than log in, and none is a member of another."""
    rows = execute(
        each_store.admin,
        "SELECT rolname FROM pg_roles r WHERE rolname LIKE 'rapport%' AND (rolsuper OR rolcreaterole OR"
        " rolcreatedb OR rolreplication OR rolbypassrls OR EXISTS (SELECT FROM pg_auth_members"
        " WHERE member = r.oid))",
    )
    assert rows == []


def test_roles_may_do_their_work(each_store: Urls) -> None:
    """Given a migrated store, when each role does what it is for, then it is allowed."""
    urls = each_store
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


def test_a_stranger_does_not_get_in(each_store: Urls) -> None:
    """Given a role of the server that is not ours, when it connects, then it is refused."""
    urls = each_store
    execute(urls.admin, "CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    try:
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            execute(urls.app.replace("rapport_app:test%20rapport_app", "stranger:stranger"), "SELECT 1")
    finally:
        execute(urls.admin, "DROP ROLE stranger")


def test_a_writer_that_stalls_is_ended(each_store: Urls) -> None:
    """Given the roles that write the store, then PostgreSQL ends their transactions when they idle: one that
    stalls would hold back every reader."""
    urls = each_store
    for url in (urls.app, urls.relay):
        assert execute(url, "SHOW idle_in_transaction_session_timeout") == [("30s",)]
        assert execute(url, "SHOW synchronous_commit") == [("on",)]
