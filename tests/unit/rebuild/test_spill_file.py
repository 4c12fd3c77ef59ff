"""Events put aside come back by slice and party, each once; where they cannot be, that is said."""

from __future__ import annotations

import shutil
import struct
from collections import namedtuple
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.rebuild import spill_file
from consumers.rebuild.fill import SLICES_AT_ONCE, Share
from consumers.rebuild.source import slices
from consumers.rebuild.spill_file import SpillFile, SpillUnavailable
from projections.runtime.decode import Received

Event = tuple[int, UUID, bytes]
"""Position, party, bytes."""

positions = st.integers(1, 2**62)
parties = st.uuids() | st.integers(0, 40).map(lambda number: UUID(int=number << 121))
events = st.lists(
    st.tuples(positions, parties, st.binary(max_size=40)), max_size=60, unique_by=lambda event: event[0]
)


def copied(found: Iterable[Event]) -> list[bytes]:
    """What PostgreSQL sends for them in binary COPY: the header with the first row, rows, the trailer."""
    rows = [
        struct.pack(">hiqi16si", 3, 8, position, 16, party.bytes, len(value)) + value
        for position, party, value in found
    ]
    header = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    rows = [header + rows[0], *rows[1:]] if rows else [header]
    return [*rows, b"\xff\xff"]


def put(spilled: SpillFile, found: Iterable[Event]) -> None:
    """Puts the events aside."""
    for data in copied(found):
        spilled.write(data)
    spilled.end()


def read(spilled: SpillFile, number: int) -> list[list[Received]]:
    """What one slice gives, portion by portion."""
    portions: list[list[Received]] = []

    def take(portion: Sequence[Received], ended: bool) -> None:
        assert ended
        portions.append(list(portion))

    spilled.read(number, take)
    return portions


@given(found=events, many=st.integers(1, 9), wanted=st.sets(st.integers(0, 8)), kept=st.integers(0, 300))
def test_each_slice_gives_its_events_by_party_in_order(
    found: list[Event], many: int, wanted: set[int], kept: int
) -> None:
    """However often they go to the file, and whatever slices between them are done already."""
    bounds = slices(many)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill_file, "BUFFER_BYTES", kept)
        begins = {number: (low, number in wanted) for number, (low, _) in enumerate(bounds)}
        with closing(SpillFile(begins, None)) as spilled:
            put(spilled, found)
            for number, (low, high) in enumerate(bounds):
                assert spilled.holds(number) is (number in wanted)
                if number in wanted:
                    mine = [e for e in found if e[1] >= low and (high is None or e[1] < high)]
                    expected = sorted((str(party), position, value) for position, party, value in mine)
                    given = [event for portion in read(spilled, number) for event in portion]
                    assert [(e.party, e.position, e.value) for e in given] == expected


def test_a_slice_of_too_many_bytes_is_read_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_file, "SORT_BYTES", 100)
    (first, _), (second, _) = slices(2)
    with closing(SpillFile({0: (first, True), 1: (second, True)}, None)) as spilled:
        put(spilled, [(n, first, bytes(20)) for n in range(1, 4)] + [(9, second, bytes(20))])
        assert [spilled.holds(number) for number in (0, 1)] == [False, True]


def test_the_file_has_no_name(tmp_path: Path) -> None:
    """So nothing is left behind by a process that is killed."""
    folder = tmp_path / "not there yet"
    with closing(SpillFile({0: (UUID(int=0), True)}, folder)) as spilled:
        put(spilled, [(1, UUID(int=7), b"something")])
        assert list(folder.iterdir()) == []
        assert folder.stat().st_mode & 0o077 == 0


def test_where_no_file_can_be_made_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        SpillUnavailable, match=r"^No file can be made in .*file/folder \(Not a directory\)\.$"
    ):
        SpillFile({0: (UUID(int=0), True)}, tmp_path / "file" / "folder")


def test_a_disk_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database may live there."""
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free=(1 << 30) - 1))
    with (
        closing(SpillFile({0: (UUID(int=0), True)}, tmp_path)) as spilled,
        pytest.raises(SpillUnavailable, match=r"^Less than 1 GiB are free in "),
    ):
        put(spilled, [(1, UUID(int=7), b"something")])


def test_it_stops_when_it_is_to_stop(tmp_path: Path) -> None:
    with (
        closing(SpillFile({0: (UUID(int=0), True)}, tmp_path, lambda: False)) as spilled,
        pytest.raises(SpillUnavailable),
    ):
        put(spilled, [(1, UUID(int=7), b"something")])


@given(slices=st.integers(0, 5_000), processes=st.integers(1, 9))
def test_processes_share_all_slices_in_runs_of_neighbours(slices: int, processes: int) -> None:
    shares = [Share(number, processes).runs(slices) for number in range(processes)]
    runs = [run for share in shares for run in share]
    assert sorted(number for run in runs for number in run) == list(range(slices))
    assert all(run.step == 1 and len(run) <= SLICES_AT_ONCE for run in runs)
    counts = [sum(map(len, share)) for share in shares]
    assert max(counts) - min(counts) <= SLICES_AT_ONCE
