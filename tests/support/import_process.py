"""`rapport import` as a real process, and what a store holds whichever run put it there."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from commands.imports.maven_files.histories import SOURCES
from deploy.secrets import Secrets
from tests.support.command_line import CommandLine
from tests.support.database import Urls
from tests.support.importing import KEY, Importing
from tests.support.store import execute, session

DIGEST = re.compile(r"source_digest='[0-9a-f]{64}'")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIMEOUT_SECONDS = 60.0
GATE = 4_711
"""The advisory lock that an import waits for at `ImportProcess.gate`."""
INSTALL_GATE = """
    CREATE OR REPLACE FUNCTION store.wait_at_gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF (SELECT count(*) FROM {counted}) >= {rows} THEN
            PERFORM pg_advisory_xact_lock_shared({gate});
        END IF;
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER a_gate BEFORE INSERT ON {table} EXECUTE FUNCTION store.wait_at_gate()
"""


@dataclass(frozen=True)
class ImportProcess:
    """Runs `rapport import <verb>` over the store at `urls`, with the keys that `Importing` has.

    `folder` is the folder, or the file, that it reads.
    """

    urls: Urls
    home: Path
    folder: Path
    verb: str = "maven"

    def start(self, *options: str) -> CommandLine:
        """One run, under way."""
        secrets = Secrets(self.home / "secrets")
        for name in ("kek", "id-key", "idempotency-key"):
            secrets.keep(name, KEY.hex)
        secrets.ensure()
        variables = {"RAPPORT_HOME": str(self.home), "RAPPORT_STORE_URL": self.urls.app}
        return CommandLine("import", self.verb, str(self.folder), *options, variables=variables)

    def run(self, *options: str) -> tuple[int, str, str]:
        """One run to its end: exit code, standard output, standard error."""
        process = self.start(*options)
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        return process.wait(TIMEOUT_SECONDS), out, err

    def claims(self) -> int:
        """Records taken so far."""
        ((count,),) = execute(
            self.urls.app, "SELECT count(*) FROM store.claim WHERE source = ANY (%s)", (list(SOURCES),)
        )
        assert isinstance(count, int)
        return count

    def events(self) -> int:
        """Events recorded so far."""
        ((count,),) = execute(self.urls.app, "SELECT count(*) FROM store.event")
        assert isinstance(count, int)
        return count

    @contextmanager
    def gate(self, table: str, counted: str, rows: int) -> Iterator[None]:
        """Until this is left, no import inserts into `table` once `counted` has so many rows, those of its
        own transaction among them. However fast the machine is, the import does not end before the test has
        done to it what it wants to. Enter this before the import starts.
        """
        with session(self.urls.admin) as holder, holder.cursor() as cursor:
            cursor.execute(INSTALL_GATE.format(table=table, counted=counted, rows=rows, gate=GATE))
            holder.commit()
            cursor.execute("SELECT pg_advisory_lock(%s)", (GATE,))
            yield

    def until_at_gate(self, process: CommandLine) -> None:
        """Waits until the import stands at the gate."""
        self.until(process, lambda: blocked(self.urls))

    def until_events(self, process: CommandLine, events: int) -> None:
        """Waits until so many events are recorded."""
        with session(self.urls.app, autocommit=True) as opened, opened.cursor() as cursor:

            def there() -> bool:
                cursor.execute("SELECT count(*) >= %s FROM store.event", (events,))
                return cursor.fetchall() == [(True,)]

            self.until(process, there)

    def until_claims(self, process: CommandLine, records: int) -> None:
        """Waits until so many records are taken; over one connection, since a batch is quickly done."""
        with session(self.urls.app, autocommit=True) as opened, opened.cursor() as cursor:

            def there() -> bool:
                cursor.execute("SELECT count(*) >= %s FROM store.claim", (records,))
                return cursor.fetchall() == [(True,)]

            self.until(process, there)

    def until(self, process: CommandLine, condition: Callable[[], bool]) -> None:
        """Waits for `condition`; fails where the process ends before it holds."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert process.poll() is None, f"the import ended before: {process.communicate()}"
            assert time.monotonic() < deadline, "the import did not get so far"
            time.sleep(0.002)

    def kill(self, process: CommandLine) -> None:
        """Kill -9, and wait until the server has ended what it had under way."""
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=TIMEOUT_SECONDS)
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rapport_app' AND state <> 'idle'"
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while execute(self.urls.admin, sessions + " AND pid <> pg_backend_pid()") != [(0,)]:
            assert time.monotonic() < deadline, "a session of the killed import stayed"
            time.sleep(0.01)


def blocked(urls: Urls) -> bool:
    """Whether a session in this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
    return execute(urls.admin, waiting, (urls.admin.rsplit("/", 1)[1],)) != [(0,)]


def content(target: Importing) -> list[str]:
    """Every event but for its ids and the moment of recording, sorted.

    Ids are shown as the external ids they were claimed for, so that two stores can be compared; a digest of
    what names such an id is left out.
    """
    with target.commands.crm.recorder.pool.connection() as connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT id, source, external_id FROM store.claim")
        names = {str(id): f"{source}/{external_id}" for id, source, external_id in cursor.fetchall()}
    shown = []
    for event in target.events():
        facts = DIGEST.sub("", f"{event.id} {event.party} {event.time} {event.actor} {event.payload!r}")
        shown.append(UUID_TEXT.sub(lambda found: names.get(found[0], found[0]), facts))
    return sorted(shown)
