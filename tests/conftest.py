"""Real services for the tests: PostgreSQL and Apache Kafka, started at their first use in a session.

Their data lies in `.rapport/test-<pid>` of the checkout and is removed at the end; where there is room in
memory, that of the servers that all tests share, which flush nothing, lies there. A test that needs a service
fails where the service cannot be had; it is never skipped and never meets a stand-in.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import cache, partial
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
from httpx._transports import default
from hypothesis import HealthCheck, settings

from deploy.local.jars import ensure_jars
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from projections.release.schema import install
from tests.support import contract_summary, java
from tests.support.database import PARTITIONS, Urls, migrated, new_database, new_store
from tests.support.kafka import empty_topics
from tests.support.postgres15 import Postgres15, installed
from tests.support.relaying import Relays
from tests.support.working import Workers

CHECKOUT = Path(__file__).parents[1]
STATE = CHECKOUT / ".rapport"
JARS = STATE / "kafka-jars"
CLASSES = STATE / "kafka-classes"
POSTGRES_15 = STATE / "postgres-15"
MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""Bytes that have to be free there for a session, and in the machine's memory; it uses a quarter of that."""
WAL = {"max_wal_size": "256MB"}
"""What a server keeps of its log for itself, since it may be in memory."""
QUICK_LOGIN = {"scram_iterations": "1"}
"""Against who guesses passwords a login digests them 4,096 times; the tests log in twenty thousand times."""


def pytest_configure() -> None:
    """Laws are about what comes out, not about how long a busy machine takes for an example. Clients of HTTP
    share what they would use for TLS."""
    settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("laws")
    # It reads all certificates of the machine, 25 ms for each client; no test speaks TLS.
    vars(default)["create_ssl_context"] = cache(httpx.create_ssl_context)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests with random faults are, and which faults a failed one met."""
    parser.addoption(
        "--faults",
        type=int,
        metavar="N",
        help="at least N random faults in each fault test",
    )
    parser.addoption(
        "--fault-seed",
        type=int,
        metavar="SEED",
        help="the seed that a failed run printed",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what the event store promises, by name."""
    reports = [
        report
        for kind in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(kind, [])
        if isinstance(report, pytest.TestReport)
    ]
    if told := contract_summary.lines(reports):
        terminalreporter.section("recorder contract")
        for line in told:
            terminalreporter.write_line(line)


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> int | None:
    """The number of random faults from `--faults`; None: the test's short form."""
    asked: int | None = request.config.getoption("faults")
    return asked


@pytest.fixture
def fault_seed(request: pytest.FixtureRequest) -> int:
    """What the random faults are drawn from: the seed of `--fault-seed`, else a new one. Print it."""
    asked: int | None = request.config.getoption("fault_seed")
    return secrets.randbelow(1 << 32) if asked is None else asked


@pytest.fixture(scope="session", autouse=True)
def own_settings() -> None:
    """No setting of the person who runs the tests: they could name a database with data. The processes that
    tests start begin with what was compiled before: they would all compile Rapport anew."""
    for name in [name for name in os.environ if name.startswith("RAPPORT_")]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ[java.VARIABLE] = java.options(java.cache_file(CLASSES, JARS))


def remove_leftovers() -> None:
    """Remove the folders of test sessions that were killed."""
    for folder in (*STATE.glob("test-*"), *MEMORY.glob("rapport-test-*")):
        pid = folder.name.rpartition("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    """A folder for the services of this session, removed at its end."""
    remove_leftovers()
    folder = STATE / f"test-{os.getpid()}"
    folder.mkdir(mode=0o700, parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def unflushed_folder(services_folder: Path) -> Iterator[Path]:
    """A folder for services that flush nothing anyway, in memory where there is room: a kill -9 leaves there
    what it leaves on a disk. Each database and topic is hundreds of files; on a disk these cost more than
    most tests."""
    if not roomy(MEMORY):
        yield services_folder
        return
    folder = MEMORY / f"rapport-test-{os.getpid()}"
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder)


def roomy(memory: Path) -> bool:
    """Whether a session's data may be put into this folder, and fits, programs that Java unpacks included."""
    if not os.access(memory, os.W_OK | os.X_OK) or psutil.virtual_memory().available < ROOM:
        return False
    found = os.statvfs(memory)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


@pytest.fixture(scope="session")
def postgres(unflushed_folder: Path) -> Iterator[LocalPostgres]:
    """A running PostgreSQL server without fsync. Who kills it in a test starts it again."""
    server = LocalPostgres(unflushed_folder / "postgres", durable=False, settings=WAL | QUICK_LOGIN)
    server.start()
    with closing(psycopg2.connect(server.admin_url)) as connection, connection, connection.cursor() as c:
        c.execute("ALTER ROLE postgres PASSWORD %s", (server.password,))  # digested anew
    yield server
    server.stop()


@pytest.fixture
def fresh_database(postgres: LocalPostgres) -> Iterator[str]:
    """The superuser's URL of a new, empty database, dropped after the test with its sessions."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_15(unflushed_folder: Path) -> Iterator[LocalPostgres]:
    """The same of PostgreSQL 15, the oldest that is supported."""
    server = Postgres15(unflushed_folder / "postgres-15", installed(POSTGRES_15), settings=WAL)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["postgresql-15", "postgresql-18"])
def each_store(request: pytest.FixtureRequest) -> Iterator[Urls]:
    """An empty store, dropped after the test; the test runs once on each version that is named."""
    server = {"postgresql-15": "postgres_15", "postgresql-18": "postgres"}[request.param]
    with new_store(request.getfixturevalue(server)) as urls:
        yield urls


@pytest.fixture(scope="session")
def kafka(unflushed_folder: Path) -> Iterator[LocalKafka]:
    """A running Apache Kafka broker, shared by all tests. Who kills it in a test starts it again."""
    ensure_jars(JARS)
    cache = java.cache_file(CLASSES, JARS)
    java.make_cache(cache, JARS)
    os.environ[java.VARIABLE] = java.options(cache)  # anew: the jars may just have been fetched
    broker = LocalKafka(unflushed_folder / "kafka", JARS)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def clean_topics(kafka: LocalKafka) -> str:
    """The address of a broker whose topics are there and empty, offsets from 0."""
    empty_topics(kafka.bootstrap)
    return kafka.bootstrap


@pytest.fixture
def relays(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Relays]:
    """Relay processes on a new store and empty topics, killed after the test."""
    processes = Relays(migrated(fresh_database), clean_topics, tmp_path)
    yield processes
    processes.close()


@pytest.fixture
def workers(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Workers]:
    """Worker processes on a new store and read side and empty topics, killed after the test."""
    urls = migrated(fresh_database, read_side=partial(install, partitions=PARTITIONS))
    processes = Workers(urls, clean_topics, tmp_path)
    yield processes
    processes.close()
