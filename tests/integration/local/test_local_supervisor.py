"""The supervisor: who dies is started again, and nobody is left, however it ends itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from deploy.local.postgres import LocalPostgres
from deploy.local.process import GuardedProcess, alive
from deploy.local.supervisor import Child, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True);"
    "time.sleep(300)",
]
# A supervisor with two children, one of which has a child of its own, in a process of its own.
STARTER = """
import sys, time
from contextlib import suppress
from pathlib import Path
from deploy.local.supervisor import Child, Supervisor
sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
parent = [sys.executable, "-c",
          "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(300)'])"]
# As the command line does it: a signal may come before it is waited for.
with suppress(KeyboardInterrupt), Supervisor(Path(sys.argv[1]), print) as supervisor:
    supervisor.start(Child(name="one", argv=sleep))
    supervisor.start(Child(name="two", argv=parent))
    time.sleep(0.5)
    print("up", flush=True)
    supervisor.wait()
print("stopped", flush=True)
"""


def eventually(holds: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Wait until it holds; fail with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A running supervisor process, after it said that its children are up."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All below a supervisor: two guards, two children, a grandchild."""
    found: list[psutil.Process] = []

    def complete() -> bool:
        found[:] = psutil.Process(process.pid).children(recursive=True)
        return len(found) == 5

    eventually(complete, "not all are up")
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_children(starter: subprocess.Popen[str], number: signal.Signals) -> None:
    """Given children and a grandchild, when the supervisor gets a signal, then it ends and so do they."""
    all_below = family(starter)
    starter.send_signal(number)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "stopped\n"
    assert starter.wait(10) == 0
    assert not [process for process in all_below if alive(process)]


def test_kill_9_of_the_supervisor_leaves_nobody(starter: subprocess.Popen[str]) -> None:
    """Given children and a grandchild, when the supervisor is killed -9, then they end by themselves."""
    all_below = family(starter)
    starter.kill()
    eventually(lambda: not any(map(alive, all_below)), "children outlived their supervisor")


def test_kill_9_of_the_guard_too_leaves_nobody(starter: subprocess.Popen[str]) -> None:
    """When guards are killed -9, the kernel ends what they guard."""
    guards = psutil.Process(starter.pid).children()
    guarded = [child for guard in guards for child in guard.children()]
    assert len(guarded) == 2
    starter.kill()
    for guard in guards:
        guard.kill()
    eventually(lambda: not any(map(alive, guarded)), "children outlived their guard")


def test_a_child_that_died_is_started_again(tmp_path: Path) -> None:
    """When a child is killed -9, then one line says so, it runs again with another process id."""
    said: list[str] = []
    with Supervisor(tmp_path, said.append) as supervisor:
        supervisor.start(Child(name="relay", argv=SLEEP))
        eventually(lambda: "relay" in supervisor.pids(), "not started")
        first = supervisor.pids()["relay"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: bool(said), "nothing was said")
        assert said == ["relay died (signal 9), started again"]
        eventually(lambda: supervisor.pids().get("relay", first) != first, "not started again")
        second = psutil.Process(supervisor.pids()["relay"])
    assert not alive(second)
    assert said == ["relay died (signal 9), started again"]


def test_a_child_that_keeps_dying_is_tried_at_growing_intervals(tmp_path: Path) -> None:
    """Given a child that ends at once, then it is started again ever later, and its log is named."""
    said: list[str] = []
    failing = [sys.executable, "-S", "-c", "print('cause'); raise SystemExit(3)"]
    with Supervisor(tmp_path, said.append) as supervisor:
        supervisor.start(Child(name="api", argv=failing))
        eventually(lambda: any("seconds" in line for line in said), "no longer interval")
    assert said[0] == "api died (exit code 3), started again"
    assert said[-1].endswith(f"is started again in 3 seconds; its log is {tmp_path / 'api.log'}")
    assert len(said) <= 6
    assert (tmp_path / "api.log").read_text().count("cause") == len(said)


def test_all_are_stopped_in_reverse_order(tmp_path: Path) -> None:
    """Given children that write when they stop, then the last started writes first."""
    order = tmp_path / "order"
    script = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(order)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(300)\n"
    )
    with Supervisor(tmp_path, print) as supervisor:
        for name in ("first", "second", "third"):
            supervisor.start(Child(name=name, argv=[sys.executable, "-c", script, name]))
            log = tmp_path / f"{name}.log"
            eventually(lambda log=log: "ready" in log.read_text(), "not ready")  # type: ignore[misc]
    assert order.read_text().split() == ["third", "second", "first"]


def test_a_child_that_ignores_its_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    """Given a child that ignores SIGTERM, then stopping takes its grace and not longer."""
    with Supervisor(tmp_path, print) as supervisor:
        supervisor.start(Child(name="stubborn", argv=STUBBORN, grace=0.5))
        eventually(lambda: "ready" in (tmp_path / "stubborn.log").read_text(), "not ready")
        process = psutil.Process(supervisor.pids()["stubborn"])
        begin = time.monotonic()
    assert 0.5 <= time.monotonic() - begin < 5
    assert not alive(process)


def test_a_second_signal_ends_the_patience(tmp_path: Path) -> None:
    """Given a child that ignores SIGTERM for a minute, when Ctrl-C comes twice, then it is killed at once."""
    script = STARTER.replace("argv=sleep)", f"argv={STUBBORN!r}, grace=60)")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        all_below = family(starter)
        starter.send_signal(signal.SIGINT)
        # The other child is stopped first; the guard and the stubborn one are left.
        eventually(lambda: sum(map(alive, all_below)) == 2, "the other child was not stopped")
        time.sleep(0.5)
        assert starter.poll() is None
        starter.send_signal(signal.SIGINT)
        assert starter.wait(5) == 0
    assert not [process for process in all_below if alive(process)]


def test_a_child_gets_its_variables_and_keeps_those_of_its_starter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given variables for a child, then they are on top of the starter's own, in no command line."""
    monkeypatch.setenv("RAPPORT_TEST_KEPT", "kept")
    show = "import os; print(os.environ['RAPPORT_TEST_KEPT'], os.environ['RAPPORT_TEST_GIVEN'])"
    log = tmp_path / "log"
    process = GuardedProcess([sys.executable, "-c", show], log=log, env={"RAPPORT_TEST_GIVEN": "given"})
    assert "given" not in psutil.Process(process.guard_pid).cmdline()
    assert process.wait(10) == 0
    assert log.read_text() == "kept given\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_what_a_dead_child_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    """Given a child that ends and leaves a process of its own, then that is gone soon after, and only then is
    the child taken for ended: started again, the two would meet."""
    script = f"import subprocess, sys; print(subprocess.Popen({SLEEP!r}).pid, flush=True); sys.exit(7)"
    process = GuardedProcess([sys.executable, "-c", script], log=tmp_path / "log", grace=60)
    assert process.wait(10) == 7
    assert not psutil.pid_exists(int((tmp_path / "log").read_text()))


def test_a_program_that_is_not_there_says_so_in_its_log(tmp_path: Path) -> None:
    """Given a name that is no program, then its exit code is 127 and the log has the reason."""
    process = GuardedProcess(["no-such-program"], log=tmp_path / "log")
    assert process.wait(10) == 127
    assert "no-such-program could not be started" in (tmp_path / "log").read_text()


def test_a_service_that_died_is_started_again_with_its_data(tmp_path: Path) -> None:
    """Given PostgreSQL under a supervisor, when it is killed -9, then it comes back at its address."""
    said: list[str] = []
    server = LocalPostgres(tmp_path / "postgres", durable=False)
    with Supervisor(tmp_path, said.append) as supervisor:
        supervisor.start(server)
        os.kill(supervisor.pids()["postgres"], signal.SIGKILL)
        eventually(lambda: said == ["postgres died (signal 9), started again"], "it was not started again")
        psycopg2.connect(server.admin_url).close()
        process = psutil.Process(supervisor.pids()["postgres"])
    assert not alive(process)
    assert not server.running


class SlowToStart:
    """A service whose start takes half a second."""

    name = "slow"
    pid = None
    ended = "signal 9"
    log = Path("slow.log")

    def __init__(self) -> None:
        self.running = False
        self.starting = threading.Event()

    def start(self) -> None:
        """Start, and take time for it."""
        self.starting.set()
        time.sleep(0.5)
        self.running = True

    def stop(self) -> None:
        """Stop at once."""
        self.running = False

    kill = stop


def test_a_service_that_is_just_being_started_again_is_stopped_too(tmp_path: Path) -> None:
    """Given a service that died and takes long to start, when all is stopped meanwhile, then it does not
    come up afterwards."""
    service = SlowToStart()
    with Supervisor(tmp_path, print) as supervisor:
        supervisor.start(service)
        service.starting.clear()
        service.running = False
        assert service.starting.wait(5)
    time.sleep(0.7)
    assert not service.running
