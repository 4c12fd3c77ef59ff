"""PostgreSQL on this machine: started, stopped, killed, and refused with a sentence."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from deploy.local import postgres, unprivileged
from deploy.local.errors import LocalServiceError
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.local.process import alive
from deploy.local.unprivileged import UNSHARE, RunAs, run_as

STARTER = """
import sys, time
from pathlib import Path
from deploy.local.postgres import LocalPostgres
server = LocalPostgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalPostgres]:
    """A server of the test's own, running."""
    own = LocalPostgres(tmp_path / "postgres", durable=False)
    own.start()
    yield own
    own.stop()


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement and commit; its rows, none for what gives none."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_fresh_database_is_empty(fresh_database: str) -> None:
    """Given nothing, when a test asks for a database, then it has one of its own without tables."""
    assert query(fresh_database, "select tablename from pg_tables where schemaname = 'public'") == []


def test_stopped_and_started_again_it_has_its_port_and_its_data(server: LocalPostgres) -> None:
    """Given a row, when the server is stopped and started again, then address and row are the same."""
    query(server.admin_url, "create table kept as select 42 as answer")
    process = psutil.Process(server.pid)
    server.stop()
    assert not alive(process)
    assert not server.running
    again = LocalPostgres(server.folder, durable=False)
    assert again.admin_url == server.admin_url
    again.start()
    assert query(again.admin_url, "select answer from kept") == [(42,)]
    again.stop()


def test_where_the_system_has_no_shared_memory_files_of_the_server_take_its_place(
    server: LocalPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given data that was made where /dev/shm is writable, when the server is started where it isn't, as in
    some containers, then it runs, and sessions that work on one query together share memory in files."""
    server.stop()
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write("dynamic_shared_memory_type = posix\n")
    monkeypatch.setattr(postgres, "SHARED_MEMORY", tmp_path / "nowhere")
    again = LocalPostgres(server.folder, durable=False)
    again.start()
    try:
        assert query(again.admin_url, "show dynamic_shared_memory_type") == [("mmap",)]
    finally:
        again.stop()


def test_killed_and_started_again_it_has_what_was_committed(server: LocalPostgres) -> None:
    """Given a committed row and an open session, when all is killed -9, then a new start has the row."""
    query(server.admin_url, "create table kept as select 42 as answer")
    everyone = psutil.Process(server.pid).children(recursive=True)
    assert len(everyone) > 3
    server.kill()
    assert not any(map(alive, everyone))
    assert (server.data / "postmaster.pid").exists()
    server.start()
    assert query(server.admin_url, "select answer from kept") == [(42,)]


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(server: LocalPostgres) -> None:
    """Given the pid file of a killed server, whose id another program got, then the server starts."""
    server.kill()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    server.start()
    assert query(server.admin_url, "select 1") == [(1,)]


def test_it_listens_on_this_machine_alone_and_asks_for_the_password(server: LocalPostgres) -> None:
    """Then there is one listening socket, on 127.0.0.1, none in the file system, and no way in without."""
    connections = psutil.Process(server.pid).net_connections("all")
    listening = [where.laddr for where in connections if where.status == psutil.CONN_LISTEN]
    assert [tuple(address) for address in listening] == [("127.0.0.1", server.port)]
    assert not [where for where in connections if where.family == socket.AF_UNIX and where.laddr]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(server.admin_url.replace(server.password, "guessed"))
    assert query(server.admin_url, "select count(*) from pg_authid where rolpassword like 'SCRAM%'") == [(1,)]


def test_what_it_keeps_is_closed_to_others(server: LocalPostgres) -> None:
    """Then folders have mode 0700, and password and log 0600."""
    assert [path.stat().st_mode & 0o777 for path in (server.folder, server.data)] == [0o700, 0o700]
    files = (server.folder / "password", server.log)
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]


def test_durable_is_the_default(tmp_path: Path, server: LocalPostgres) -> None:
    """Given no word about durability, then fsync is on; it is off only on request."""
    assert query(server.admin_url, "show fsync") == [("off",)]
    durable = LocalPostgres(tmp_path / "durable")
    durable.start()
    assert query(durable.admin_url, "select current_setting('fsync')") == [("on",)]
    assert query(durable.admin_url, "select current_setting('synchronous_commit')") == [("on",)]
    durable.stop()


def test_two_on_one_folder_are_refused(server: LocalPostgres) -> None:
    """Given a running server, when another is started on its folder, then a sentence names who runs it."""
    with pytest.raises(LocalServiceError, match=f"already run from .* by process {os.getpid()}. Stop that"):
        LocalPostgres(server.folder, durable=False).start()
    assert query(server.admin_url, "select 1") == [(1,)]


def test_a_server_outside_our_hands_is_refused(
    server: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a server on the data though nobody holds the lock, then a sentence names its process."""
    monkeypatch.setattr("deploy.local.postgres.LEFTOVER_SECONDS", 0.2)
    (server.folder / "lock").unlink()
    with pytest.raises(LocalServiceError, match=rf"process {server.pid}\) already runs on .*/data. Stop it"):
        LocalPostgres(server.folder, durable=False).start()


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    """Given a port that another program listens on, then the sentence names port, program and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        own = LocalPostgres(tmp_path / "postgres", port, durable=False)
        with pytest.raises(LocalServiceError) as refused:
            own.start()
    assert f"PostgreSQL cannot listen on 127.0.0.1:{port}" in str(refused.value)
    assert f"(process {os.getpid()}) listens there already" in str(refused.value)
    assert "name another port" in str(refused.value)
    assert not own.data.exists()


def test_a_port_that_is_wanted_is_taken_and_kept(tmp_path: Path) -> None:
    """Given a port, then it is the server's, also for one that comes later without naming it."""
    port = free_port()
    assert LocalPostgres(tmp_path / "postgres", port).port == port
    assert LocalPostgres(tmp_path / "postgres").port == port


def test_data_of_another_major_version_is_refused(server: LocalPostgres) -> None:
    """Given data of PostgreSQL 16, then the sentence names both versions and nothing is changed."""
    server.stop()
    version = server.data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(
        LocalServiceError, match=r"is of PostgreSQL 16, and the programs here are 18\. Move it"
    ):
        server.start()
    version.write_text("18\n")
    server.start()


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a folder that another user owns, then the sentence names both users."""
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 4321)
    with pytest.raises(LocalServiceError, match=f"belongs to user {owner}, and this is user {owner + 4321}"):
        LocalPostgres(tmp_path / "postgres", durable=False).start()


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    """Given a setting that PostgreSQL refuses, then the sentence quotes the end of its log."""
    own = LocalPostgres(tmp_path / "postgres", durable=False, settings={"shared_buffers": "nonsense"})
    with pytest.raises(LocalServiceError, match='invalid value for parameter "shared_buffers"'):
        own.start()
    assert not own.running
    own = LocalPostgres(tmp_path / "postgres", durable=False)
    own.start()
    own.stop()


def test_the_server_ends_with_its_starter_and_can_be_started_at_once(tmp_path: Path) -> None:
    """When the starter is killed -9, then the server ends by itself; a new start meanwhile waits for that."""
    folder = tmp_path / "postgres"
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        process = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    again = LocalPostgres(folder, durable=False)
    again.start()
    assert query(again.admin_url, "select 1") == [(1,)]
    assert again.pid != process.pid
    deadline = time.monotonic() + 10
    while alive(process):
        assert time.monotonic() < deadline, "the first server outlived its starter"
        time.sleep(0.05)
    again.stop()


def test_root_runs_it_as_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given root, then a user namespace is taken; where that is forbidden nobody; else a sentence says so."""
    owners: list[tuple[int, int]] = []
    works: list[str] = []

    def chown(_: Path, uid: int, gid: int) -> None:
        owners.append((uid, gid))

    def succeeds(argv: list[str], user: tuple[int, int] | None) -> bool:
        way = "namespace" if tuple(argv[: len(UNSHARE)]) == UNSHARE and user is None else "nobody"
        return way in works

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(unprivileged, "succeeds", succeeds)
    program = tmp_path / "postgres"

    with pytest.raises(
        LocalServiceError, match="PostgreSQL does not run as root, and this process can't become another"
    ):
        run_as(program, tmp_path)
    assert owners.pop() == (0, 0)
    owners.clear()

    works.append("nobody")
    as_nobody = run_as(program, tmp_path)
    assert as_nobody.prefix == ()
    assert owners == [as_nobody.user]
    owners.clear()

    works.append("namespace")
    assert run_as(program, tmp_path) == RunAs(prefix=UNSHARE)
    assert owners == []
