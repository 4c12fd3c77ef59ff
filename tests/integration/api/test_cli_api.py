"""`rapport api` as a process: it starts, drains, ends; and says why it does not start."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.local.ports import free_port
from deploy.secrets import Secrets
from projections.release.schema import install
from tests.support.commanding import told
from tests.support.database import PARTITIONS, Urls, migrated
from tests.support.upping import RAPPORT, environment, rapport, wait


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    """A migrated database."""
    return migrated(fresh_database, read_side=partial(install, partitions=PARTITIONS))


@contextmanager
def api(home: Path, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and its address, as soon as it answers: it listens first, so that who starts everything at
    once is not refused, and on a busy machine it is a while before it has been set up."""
    Secrets(home / "secrets").ensure()
    port = free_port()
    process = subprocess.Popen(
        [*RAPPORT, "api", "--port", str(port)],
        env=environment(home, **more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        assert process.poll() is None, f"it ended with {process.returncode}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait(listens, 60, lambda: "it does not listen")
        address = f"http://127.0.0.1:{port}"
        httpx.get(f"{address}/livez", timeout=60)
        yield process, address
    finally:
        process.kill()
        process.wait()


def both(url: str) -> dict[str, str]:
    """Settings of store and read side as one database."""
    return {"RAPPORT_STORE_URL": url, "RAPPORT_READ_URL": url}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_it_drains_and_still_answers_then_ends_with_0(
    urls: Urls, tmp_path: Path, number: signal.Signals
) -> None:
    with api(tmp_path, RAPPORT_DRAIN_SECONDS="5", **both(urls.app)) as (process, address):
        assert httpx.get(f"{address}/readyz", timeout=10).status_code == 200

        process.send_signal(number)

        wait(lambda: httpx.get(f"{address}/readyz").status_code == 503, 5, lambda: "it does not drain")
        assert "about to stop" in httpx.get(f"{address}/readyz").text
        assert httpx.get(f"{address}/livez").status_code == 200
        assert process.wait(30) == 0


def test_a_second_signal_ends_the_draining(urls: Urls, tmp_path: Path) -> None:
    with api(tmp_path, RAPPORT_DRAIN_SECONDS="60", **both(urls.app)) as (process, address):
        assert httpx.get(f"{address}/livez", timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0


def test_it_starts_while_the_database_is_away_and_says_what_is_missing(tmp_path: Path) -> None:
    """A machine that starts everything at once must not end with an API that gave up."""
    nobody = f"postgresql://rapport_app:x@127.0.0.1:{free_port()}/rapport"
    with api(tmp_path, **both(nobody)) as (_, address):
        answer = httpx.get(f"{address}/readyz", timeout=10)

    assert answer.status_code == 503
    assert answer.json()["reasons"] == [
        "The event store does not answer. Check PostgreSQL and RAPPORT_STORE_URL.",
        "The read side does not answer. Check PostgreSQL and RAPPORT_READ_URL.",
    ]


def test_it_is_not_ready_without_its_read_side(fresh_database: str, tmp_path: Path) -> None:
    store_alone = migrated(fresh_database)
    with api(tmp_path, **both(store_alone.app)) as (_, address):
        answer = httpx.get(f"{address}/readyz", timeout=10)

    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["The read side has not been made yet. Run `rapport migrate`."]


def test_a_database_that_was_never_migrated_is_refused(fresh_database: str, tmp_path: Path) -> None:
    Secrets(tmp_path / "secrets").ensure()

    done = rapport(tmp_path, "api", "--port", str(free_port()), **both(fresh_database))

    assert done.returncode == 2
    assert "has not been made yet" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_warns_of_a_variable_that_is_no_setting(tmp_path: Path) -> None:
    code, checks, findings = told(tmp_path, "doctor", RAPPORT_API_PROT="8701", RAPPORT_STORE_ULR="x")

    assert code == 1  # because nothing was set up here, not because of the warnings
    assert {check["check"]: check["ok"] for check in checks}["settings"] is True
    assert any(
        finding.startswith("RAPPORT_API_PROT is set, but Rapport has no such setting.")
        for finding in findings
    )
    assert any(
        finding.startswith("RAPPORT_STORE_ULR is set, but Rapport has no such setting.")
        for finding in findings
    )
