"""Whatever is killed while the three imports run: the figures are those of one that nobody disturbed."""

from __future__ import annotations

import gzip
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from commands.store.event_reader import EventReader, StoredRow
from deploy.demo import second_reader, second_reader_cdnow, second_reader_incidents
from deploy.demo.figures import Number, from_views
from deploy.health.projection_health import projection_health
from deploy.local.kafka import LocalKafka
from deploy.settings import Settings, load
from deploy.wiring.wiring import Wiring
from domain.events.catalogue import CATALOGUE
from projections.registry import PROJECTIONS
from projections.runtime.decode import Decoder
from projections.runtime.replay import fold_all
from tests.support import import_runs
from tests.support.command_line import CommandLine
from tests.support.database import migrated
from tests.support.importing import folder_with, importing, original
from tests.support.kafka import SEALS, TOPICS, read
from tests.support.read_side import normal, table_rows
from tests.support.seals import check_topics
from tests.support.store import execute
from tests.support.story import Story, ends_of
from tests.support.upping import Up, environment, everything, wait
from tests.support.worker_scene import EVENTS, differences

ROWS = 1000
LONG = 240
"""Seconds that anything may take on a busy machine before it counts as never."""
PARTS = 3
VICTIMS: tuple[tuple[str, ...], ...] = (
    ("relay", "run"),
    ("projection", "run", "identity"),
    ("kafka.Kafka",),
    ("projection", "run", "pipeline"),
    ("-D",),  # PostgreSQL
    ("projection", "run", "customer_360"),
    ("deploy.cli", "api"),
    ("projection", "run", "service_history"),
    ("relay", "run"),
)
BY_TYPE = "SELECT type, count(*) FROM store.event GROUP BY type ORDER BY type"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """Verb and path of nine imports: of each data set 1,000 rows, in files that grow by a third."""
    folder = tmp_path_factory.mktemp("parts")
    header, *log = import_runs.incident_lines()
    cases = sorted({line.split(",")[0] for line in log[:ROWS]})
    found: list[tuple[str, Path]] = []
    for part in range(1, PARTS + 1):
        upto = ROWS * part // PARTS
        taken = set(cases[: len(cases) * part // PARTS])
        found += [
            ("maven", folder_with(folder / f"maven{part}", deals=original("sales_pipeline")[1 : upto + 1])),
            ("cdnow", import_runs.file_of(folder / f"cdnow{part}", *import_runs.cdnow_lines()[: upto + 1])),
            (
                "incidents",
                import_runs.file_of(
                    folder / f"log{part}", header, *(line for line in log if line.split(",")[0] in taken)
                ),
            ),
        ]
    return found


@pytest.fixture
def up(services_folder: Path, kafka: LocalKafka) -> Iterator[Up]:
    """Everything, on a home of its own. `kafka` has the jars fetched before."""
    with everything(services_folder / "restarts") as process:
        yield process


def taken_by(up: Up, verb: str, path: Path) -> CommandLine:
    """An import that runs."""
    return CommandLine("import", verb, str(path), variables=environment(up.home), together=True)


def types_in(url: str) -> dict[str, int]:
    """Event types and how many of each the store has."""
    return dict(execute(url, BY_TYPE))


def lock(holder: Connection) -> None:
    """From now on nobody adds an event, once whoever asked before has."""
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE store.event IN EXCLUSIVE MODE")


@contextmanager
def blocked(admin: str, run: Callable[[], CommandLine]) -> Iterator[CommandLine]:
    """An import that stands still between its first transaction and its second, until this is left."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(closing(psycopg2.connect(admin))) for _ in range(2))
        lock(first)
        process = run()
        until(process, lambda: waiting(admin, "RowExclusiveLock"))
        # PostgreSQL grants locks in the order of the requests: the import's, then this one.
        queued = stack.enter_context(ThreadPoolExecutor(1)).submit(lock, second)
        until(process, lambda: waiting(admin, "ExclusiveLock"))
        first.rollback()
        queued.result(LONG)
        until(process, lambda: waiting(admin, "RowExclusiveLock"))
        yield process


def waiting(admin: str, mode: str) -> bool:
    """Whether somebody waits for a lock of that mode on the events."""
    asked = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'store.event'::regclass AND NOT granted AND mode = %s"
    )
    return execute(admin, asked, (mode,)) != [(0,)]


def until(run: CommandLine, condition: Callable[[], bool]) -> None:
    """Waits for it while the import lives; one that has ended met no fault, and would show nothing."""

    def there() -> bool:
        assert run.poll() is None, f"the import ended before: {run.communicate()[0]}"
        return condition()

    wait(there, LONG, lambda: "the import never came so far")


def killed(up: Up, victim: tuple[str, ...]) -> bool:
    """Kill -9 of the victim; False while it is being started again after the kill before."""
    try:
        os.kill(up.pids_of(*victim)[0], signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


def befall(up: Up, admin: str, verb: str, path: Path, victim: tuple[str, ...], *, interrupted: bool) -> None:
    """The import of that path, at first with a victim, and then until it is through."""
    wait(lambda: bool(up.pids_of(*victim)), LONG, lambda: f"no process runs {victim}")
    with blocked(admin, lambda: taken_by(up, verb, path)) as run:

        def struck() -> bool:
            # Not asked afterwards: it may end by the kill, as when PostgreSQL dies under it.
            assert run.poll() is None, "the import was over before anything was killed"
            return killed(up, victim)

        wait(struck, LONG, lambda: f"no process runs {victim}")
        if interrupted:
            run.kill()
            run.wait(LONG)
    run.communicate(timeout=LONG)
    deadline = time.monotonic() + LONG
    while True:
        again = taken_by(up, verb, path)
        said, _ = again.communicate(timeout=LONG)
        if again.returncode == 0:
            return
        assert time.monotonic() < deadline, said
        time.sleep(0.5)


def check_topics_and_rows(settings: Settings) -> None:
    """The topics hold the store's events, once, sealed; the rows of every read model are those of an
    independent fold over them."""
    admin = settings.need("admin_url")
    rows = [StoredRow._make((*row[:-1], bytes(row[-1]))) for row in execute(admin, EVENTS)]
    records = read(settings.need("kafka_bootstrap"), (*TOPICS, SEALS), "read_committed", seconds=LONG)
    with Wiring(settings) as wired, closing(psycopg2.connect(admin)) as connection:
        public = wired.secrets.seal_public()
        check_topics(
            records, [(row.position, row.event) for row in rows], public, partitions=settings.partitions
        )
        decoder = Decoder(CATALOGUE, wired.cipher)

        def opened(event: dict[str, Any]) -> dict[str, Any]:
            assert decoder.open([event]) == {}
            return event

        for projection in PROJECTIONS:
            found = normal(table_rows(connection, projection))
            wanted = normal(fold_all(projection, rows, CATALOGUE, opened))
            assert found == wanted, differences(projection.name, found, wanted)


def expected(parts: list[tuple[str, Path]], folder: Path) -> dict[str, Number]:
    """What second readers, which know nothing of the project, find in the last file of each data set."""
    (_, deals), (_, purchases), (_, log) = parts[-3:]
    folder.mkdir()
    for path, name in ((purchases, "CDNOW_master.txt"), (log, "incident_event_log.csv")):
        (folder / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    return {
        **second_reader.expected(deals),
        **second_reader_cdnow.expected(folder),
        **second_reader_incidents.expected(folder),
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)  # whatever hangs is ended by the bound of its own wait
def test_the_figures_are_those_of_an_undisturbed_run(
    up: Up, parts: list[tuple[str, Path]], fresh_database: str, tmp_path: Path
) -> None:
    """Given nine imports, in each of which a process is killed -9, and in every fourth the importer too, when
    each was run again until it was through, then store, topics and read models are as after one quiet run."""
    settings = load(home=up.home, api_port=up.port)
    admin = settings.need("admin_url")
    own = Counter(types_in(admin))  # the principal of the first key
    story = Story()
    with story.told_with_errors(lambda: [*up.lines[-60:], *ends_of(up.home / "log", 8)]):
        for number, ((verb, path), victim) in enumerate(zip(parts, VICTIMS, strict=True)):
            befall(up, admin, verb, path, victim, interrupted=number % 4 == 0)
            story.say(f"{path.name} is in, and {' '.join(victim)} was killed meanwhile")
        with closing(EventReader(settings.need("store_url"))) as follower:
            head = follower.high_water_mark()
        wait(
            lambda: {row.position for row in projection_health(settings).rows} == {head},
            LONG,
            lambda: f"not all stand at {head}: {projection_health(settings).rows}",
        )
        check_topics_and_rows(settings)
    with importing(migrated(fresh_database).app) as quiet:
        assert not quiet.run(parts[-3][1]).failed
        import_runs.cdnow(quiet, parts[-2][1])
        import_runs.incidents(quiet, parts[-1][1])
    assert Counter(types_in(admin)) - own == Counter(types_in(fresh_database))
    wanted = expected(parts, tmp_path / "files")
    found = from_views(settings.need("reader_url"), "maven")
    assert set(found) >= {
        "won value",
        "purchase value",
        "cases closed",
        "reopenings",
        "SLA missed by the log",
    }
    assert {name: found[name] for name in wanted if name in found} == {
        name: wanted[name] for name in wanted if name in found
    }
