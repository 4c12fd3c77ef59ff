"""Erasures in processes that are killed -9 at every point, and gone on with by whoever comes next."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import pytest

from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from tests.support.commanding import told
from tests.support.http import ALL_PROJECTIONS, KEY, Api, database, running
from tests.support.persons import ERASE, Told, forgotten, rows, somebody
from tests.support.relaying import CHECKOUT, until
from tests.support.store import execute
from tests.support.upping import environment

PLACES: Final = ("recorded", "some destroyed", "destroyed", "forgotten", "noted")
WORDS: Final = ("--reason", "objection", "--legal-basis", "GDPR art. 17 (1) c", "--yes")
FAR: Final = 1_000_000_000


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "erasure_killed") as url, running(url) as served:
        yield served


@pytest.fixture(scope="module")
def home(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command line needs on the same store."""
    folder = tmp_path_factory.mktemp("home")
    keys = Secrets(folder / "secrets")
    keys.keep("kek", KEY.hex)
    keys.ensure()
    return folder


def settings(api: Api) -> dict[str, str]:
    url = api.urls.app
    return {"RAPPORT_STORE_URL": url, "RAPPORT_READ_URL": url, "RAPPORT_KEYS_URL": url}


@contextmanager
def api_process(api: Api, home: Path, port: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """An API of its own on that port; what is left of it is killed."""
    with (home / f"{port}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *words],
            cwd=CHECKOUT,
            env=environment(home, **settings(api), RAPPORT_API_PORT=str(port)),
            stdout=log,
            stderr=log,
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait(20)


def ready(port: int, served: subprocess.Popen[bytes]) -> bool:
    """Whether the API on that port says that it is."""
    assert served.poll() is None, "the API ended"
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=20).status_code == 200
    return False


@contextmanager
def identity_caught_up(api: Api) -> Iterator[None]:
    """Several erase at once, and each asks whether `identity` has heard of what the others recorded."""
    ((before,),) = rows(api, "SELECT min(position) FROM control.share")
    execute(api.urls.admin, "UPDATE control.share SET position = %s", (FAR,))
    yield
    execute(api.urls.admin, "UPDATE control.share SET position = %s", (before,))


def left(api: Api, person: Told) -> tuple[int, int]:
    """How many of a person's keys are not destroyed, and how many entries of the blind index there are."""
    members = list(person.members)
    ((keys, entries),) = rows(
        api, "SELECT (SELECT count(wrapped) FROM keys.person_key WHERE person = ANY (%s::uuid[])),"
        " (SELECT count(*) FROM store.contact_index WHERE person = ANY (%s::uuid[]))", members, members,
    )  # fmt: skip
    return keys, entries


def killed_in_commands(api: Api, home: Path, persons: dict[str, Told]) -> None:
    """Erases each person in a process of its own, all at once; each is killed -9 at its place."""
    jobs = [
        (place, ["privacy", "erase", "customer", person.customer, *WORDS])
        for place, person in persons.items()
    ]
    with identity_caught_up(api):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.support.erasing_process", json.dumps(jobs)],
            cwd=CHECKOUT,
            env=environment(home, **settings(api)),
            capture_output=True,
            timeout=120,
            check=True,
        )
    assert json.loads(done.stdout) == [-signal.SIGKILL] * len(jobs), done.stderr


def killed_in_a_request(api: Api, home: Path, person: Told) -> None:
    """The API is killed -9 between the destructions of two keys."""
    port = free_port()
    headers = {"Authorization": f"Bearer {api.key('privacy:erase')}", "If-Match": "*"}
    words = ("tests.support.erasing_process", json.dumps([("some destroyed", ["api"])]))
    address = f"http://127.0.0.1:{port}/v1/customers/{person.customer}:erase"
    with api_process(api, home, port, *words) as served, identity_caught_up(api):
        until(lambda: ready(port, served), "the API is ready", 120)
        with pytest.raises(httpx.TransportError):
            httpx.post(address, json=ERASE, headers=headers, timeout=60)
        assert served.wait(20) == -signal.SIGKILL


def test_killed_at_any_point_it_goes_on_to_its_end(api: Api, home: Path) -> None:
    """Given erasures that were killed -9 at each of their points, on the command line and in a request, when
    one is run again and an API started, then each is at its end."""
    *told_of, asked = [somebody(api, uuid4().hex) for _ in range(len(PLACES) + 1)]
    api.catch_up(projections=ALL_PROJECTIONS)
    persons = dict(zip(PLACES, told_of, strict=True))
    killed_in_a_request(api, home, asked)
    assert left(api, asked) == (3, 2)
    killed_in_commands(api, home, persons)
    assert {place: left(api, person) for place, person in persons.items()} == {
        "recorded": (4, 2), "some destroyed": (3, 2), "destroyed": (0, 2), "forgotten": (0, 0),
        "noted": (0, 0),
    }  # fmt: skip

    with identity_caught_up(api):
        words = ("privacy", "erase", "customer", persons["recorded"].customer)
        code, again, said = told(home, *words, **settings(api))
        assert (code, again["repeated"]) == (0, True), said
    assert left(api, persons["recorded"]) == (0, 0)

    everybody = [asked, *told_of]
    port = free_port()
    with api_process(api, home, port, "deploy.cli", "api") as served:
        until(lambda: {left(api, person) for person in everybody} == {(0, 0)}, "all keys are gone", 120)
        assert not ready(port, served), "The read models have not heard of it yet."
        api.catch_up(projections=ALL_PROJECTIONS)
        until(lambda: ready(port, served), "the API is ready", 120)
    code, resumed, said = told(home, "privacy", "erase", "--resume", **settings(api))
    assert (code, resumed) == (0, {"finished": [], "destroyed_again": 0}), said
    for person in everybody:
        forgotten(api, person)
