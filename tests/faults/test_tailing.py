"""A follower beside writers that commit late, abort, stall, are killed: nothing missed, nothing twice."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event

import pytest

from commands.store.follower import Follower, StoredRow
from tests.support.database import Urls, migrated
from tests.support.store import execute

WRITERS = 12
SECONDS = 5.0


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


def start_writer(url: str, seed: int) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.support.tailing_writer", str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    writer.stdin.write(url + "\n")
    writer.stdin.flush()
    return writer


def follow(url: str, ended: Event) -> list[StoredRow]:
    """All rows a follower sees, from the start until it has seen all there was when `ended` was set."""
    seen: list[StoredRow] = []
    with Follower(url) as follower:
        while True:
            last_round = ended.is_set()
            after = seen[-1].position if seen else 0
            seen += follower.read(after, follower.settled(timeout=20), limit=500)
            if last_round and follower.settled() == (seen[-1].position if seen else 0):
                return seen


def test_a_follower_misses_nothing_beside_writers_of_all_kinds(urls: Urls) -> None:
    """Given writers that commit, abort, hold open, roll back to savepoints, copy and are killed with -9, when
    a follower reads from the start, then it sees each committed event once, in order, and no other."""
    chance, ended, killed = Random(3), Event(), 0
    writers = [start_writer(urls.app, seed) for seed in range(WRITERS)]
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, urls.relay, ended)
        try:
            for writer in writers:
                assert writer.stdout is not None
                assert writer.stdout.readline() == "writing\n"
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                time.sleep(chance.uniform(0.2, 0.4))
                victim = chance.randrange(WRITERS)
                end(writers[victim], kill=True)
                writers[victim] = start_writer(urls.app, 100 + killed)
                killed += 1
        finally:
            for writer in writers:
                end(writer, kill=False)
            ended.set()
        seen = following.result(30)
    committed = execute(urls.admin, "SELECT position FROM store.event ORDER BY position")
    burnt = execute(urls.admin, "SELECT last_value FROM store.event_position_seq")[0][0]
    assert [(row.position,) for row in seen] == committed
    assert {row.type for row in seen} == {"kept"}
    assert killed > 10
    assert burnt > len(seen) > 1000  # many committed, and positions were burnt


def end(writer: subprocess.Popen[str], *, kill: bool) -> None:
    """Kills with -9, or closes its standard input and waits."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    if kill:
        writer.kill()
    writer.stdin.close()
    writer.wait(20)
    writer.stdout.close()
