"""The tour: its reader neither misses a command nor lets a wrong answer pass; README shows steps of it."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support import curl
from tests.support.tour import BLOCK, TOUR, fits, steps

CHECKOUT = Path(__file__).parents[3]


def test_a_console_block_is_read_command_by_command(tmp_path: Path) -> None:
    """Else the tour below could be empty and pass."""
    readme = tmp_path / "README.md"
    readme.write_text("# T\n```console\n$ echo a\na\n$ true\n$ echo b\nb …\n```\n")
    assert [tuple(step) for step in steps(readme)] == [("echo a", "a\n"), ("true", ""), ("echo b", "b …\n")]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a … c", "a b c", True),
        ("a … c", "a b d", False),
        ("", "", True),
        ("", "unexpected", False),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("(4 rows)", "(5 rows)", False),
    ],
)
def test_only_a_gap_may_differ(expected: str, printed: str, same: bool) -> None:
    """A tour that fits anything would prove nothing."""
    assert fits(expected, printed) is same


README = CHECKOUT / "README.md"


def test_the_readme_s_steps_are_a_literal_part_of_the_tour() -> None:
    """The demo's test runs the tour alone: what the README shows is run with it, in the same order."""
    shown, tour = (BLOCK.findall(page.read_text(encoding="utf-8")) for page in (README, TOUR))
    assert len(shown) >= 5
    assert [block for block in tour if block in shown] == shown


def test_the_readme_s_steps_stand_on_their_own() -> None:
    """Who takes the five steps alone has every variable that they use."""
    known = {"PATH", "PWD"}
    for step in steps(README):
        known |= set(re.findall(r"(?:^|; )([A-Z]+)=", step.command))
        assert set(re.findall(r"\$([A-Z]+)", step.command)) <= known, step.command
    assert "ADA" in known


class Echo(BaseHTTPRequestHandler):
    """Returns the request, in one line."""

    def do_GET(self) -> None:
        """The method, the path, some headers and the body, with a status that is no success."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        said = [self.command, self.path, self.headers["Content-Type"], self.headers["If-Match"], body]
        self.send_response(409)
        self.end_headers()
        self.wfile.write(repr(said).encode())

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def echo() -> Iterator[str]:
    """The address of a server that returns the request."""
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["-s", "{}/a?b=c"], ["GET", "/a?b=c", None, None, ""]),
        (["-s", "-H", 'If-Match: "1"', "http://{}/a:win", "-d", "{{}}"],
         ["POST", "/a:win", "application/x-www-form-urlencoded", '"1"', "{}"]),
        (["-s", "-X", "PUT", "-H", "Content-Type: application/json", "{}/a", "-d", '{{"n": "é"}}'],
         ["PUT", "/a", "application/json", None, '{"n": "é"}']),
    ],
)  # fmt: skip
def test_where_there_is_no_curl_the_tour_gets_one_that_asks_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], seen: list[str | None]
) -> None:
    """Given a machine without curl, then the commands of the tour are run all the same, and print what comes
    back whatever its status is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert curl.on_path(tmp_path) == str(tmp_path)
    with echo() as address:
        asked = [str(tmp_path / "curl"), *(word.format(address) for word in words)]
        done = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, repr(seen)), done.stderr


def test_where_there_is_a_curl_the_tour_takes_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "curl").write_text("#!/bin/sh\n")
    (tmp_path / "curl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert curl.on_path(tmp_path) is None


def test_an_option_that_the_tour_s_own_curl_does_not_know_is_refused() -> None:
    """Else a tour that uses more would pass without it."""
    with pytest.raises(SystemExit, match="2"):
        curl.main(["-s", "--retry", "3", "127.0.0.1:1/"])
