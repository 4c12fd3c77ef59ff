"""Free ports: given to one process alone, and kept for what listens there while that process lives."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.errors import LocalServiceError
from deploy.local.ports import HOST, free_port, is_free, remembered_port

CHECKOUT = Path(__file__).parents[3]
TAKER = """
import sys
from pathlib import Path
from deploy.local import ports
first, last, *remembered = sys.argv[1:]
ports.CHOICE = range(int(first), int(last))
print(ports.remembered_port(Path(remembered[0])) if remembered else ports.free_port(), flush=True)
sys.stdin.read()
"""


def taker(choice: range, *remembered: Path) -> subprocess.Popen[str]:
    """A process that has a port of `choice`, or the one that the file remembers, until its input ends."""
    words = [str(choice.start), str(choice.stop), *map(str, remembered)]
    return subprocess.Popen(
        [sys.executable, "-c", TAKER, *words],
        cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> int:
    """The port that it has."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def untouched(port: int) -> bool:
    """Whether nobody listens there, and nobody has reserved it, as the tests before have."""
    with socket.socket() as probe, suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> range:
    """Three ports next to each other that nobody has, to choose from."""
    for first in range(14_000, 15_000, 3):
        found = range(first, first + 3)
        if all(map(untouched, found)):
            monkeypatch.setattr(ports, "CHOICE", found)
            return found
    raise AssertionError("no three ports are free")


def test_processes_that_look_for_a_free_port_at_once_never_get_the_same(choice: range) -> None:
    """Given two processes that chose a port each and do not listen yet, then a third gets neither, and a
    fourth none; when they have ended, their ports are free."""
    with taker(choice) as one, taker(choice) as other:
        taken = {said(one), said(other), free_port()}
        assert taken == set(choice)
        with pytest.raises(LocalServiceError, match="is free"):
            free_port()
    assert free_port() in choice


def test_a_server_listens_on_the_port_that_was_chosen_for_it_again_and_again(choice: range) -> None:
    """Given a chosen port, then whoever it was chosen for can listen there, at the start and after a stop."""
    port = free_port()
    for _ in range(2):
        assert is_free(port)
        with socket.create_server((HOST, port)):
            assert not is_free(port)
            with socket.create_connection((HOST, port), timeout=5):
                pass


def test_a_remembered_port_is_not_given_away_before_its_service_listens(
    choice: range, tmp_path: Path
) -> None:
    """Given a service whose port was chosen at an earlier start, when it is started anew, then nobody who
    looks for a free port meanwhile gets it."""
    file = tmp_path / "port"
    file.write_text(f"{choice[1]}\n")
    with taker(choice, file) as service:
        assert said(service) == choice[1]
        assert {free_port(), free_port()} == {choice[0], choice[2]}
        assert remembered_port(file) == choice[1]
