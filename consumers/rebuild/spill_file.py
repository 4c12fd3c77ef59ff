"""A file with the events of many slices, read from the store in one run.

The events of a party are all over the store's table. Read slice by slice, each event takes a page of the
table; read in the table's order, all events of a page come at once. So they are read in that order into a
file, and from there slice by slice. The file has no name: it is gone when the process ends.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Final
from uuid import UUID

from consumers.rebuild.source import (
    HEADER_BYTES,
    PARTY,
    SORT_BYTES,
    TRAILER_BYTES,
    PartySource,
    Slice,
    Take,
    by_party,
)

BUFFER_BYTES: Final = 8 * 1024 * 1024
"""Bytes of events that are kept in memory before they are written into the file."""
SPARE_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of the disk that stay free: a database may be on it."""


class SpillUnavailable(Exception):
    """A spill file is not possible here. The text says why."""


_Kept = tuple[list[bytes], list[tuple[int, int]]]
"""Rows in memory; where the others begin in the file, and their length."""


class SpillFile:
    """Takes binary COPY of neighbouring slices, and returns each one's events; it is a `Sink`.

    Args:
        slices: by number, in order: where each begins, and whether its events are needed.
        folder: the folder of the file; None is the machine's folder for temporary files.
        going: returns whether to go on.
    """

    def __init__(
        self,
        slices: Mapping[int, tuple[UUID, bool]],
        folder: Path | None,
        going: Callable[[], bool] = lambda: True,
    ) -> None:
        self._folder = folder or Path(gettempdir())
        self._going = going
        self._lows = [low.bytes for low, _ in slices.values()]
        self._kept: dict[int, _Kept] = {n: ([], []) for n, (_, wanted) in slices.items() if wanted}
        self._rows = [self._kept[n][0] if wanted else None for n, (_, wanted) in slices.items()]
        self._end = self._size = 0
        self._skip = HEADER_BYTES
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise SpillUnavailable(f"No file can be made in {self._folder} ({error.strerror}).") from error

    def write(self, data: bytes) -> None:
        """Takes the rows as the driver passes them: one each time, the first with the header, then the
        trailer. Raises `SpillUnavailable` if the disk has no room, or `going` returns False."""
        if self._skip:
            data, self._skip = data[self._skip :], 0
        rows = self._rows[bisect_right(self._lows, data[PARTY]) - 1] if len(data) > TRAILER_BYTES else None
        if rows is not None:
            rows.append(data)
            self._size += len(data)
            if self._size > BUFFER_BYTES:
                self._put()

    def end(self) -> None:
        """Ends the file, after all rows. Raises `SpillUnavailable`."""
        self._put()

    def holds(self, number: int) -> bool:
        """Whether `read` can read that slice. It cannot if a party has so many events that sorting them takes
        too much memory."""
        kept = self._kept.get(number)
        return kept is not None and sum(length for _, length in kept[1]) <= SORT_BYTES

    def read(self, number: int, take: Take) -> None:
        """Gives `take` all events of that slice, party by party."""
        found = []
        for at, length in self._kept[number][1]:
            self._file.seek(at)
            found.append(self._file.read(length))
        by_party(b"".join(found), take)

    def close(self) -> None:
        """Closes the file, which removes it."""
        self._file.close()

    def _put(self) -> None:
        if not self._going():
            raise SpillUnavailable("The fill must stop.")
        try:
            if shutil.disk_usage(self._folder).free < SPARE_BYTES:
                raise SpillUnavailable(f"Less than {SPARE_BYTES >> 30} GiB are free in {self._folder}.")
            for rows, parts in self._kept.values():
                if rows:
                    data = b"".join(rows)
                    rows.clear()
                    self._file.write(data)
                    parts.append((self._end, len(data)))
                    self._end += len(data)
            self._file.flush()
        except OSError as error:
            raise SpillUnavailable(f"Nothing can be written in {self._folder} ({error.strerror}).") from error
        self._size = 0


def spill(
    source: PartySource, slices: Sequence[Slice], folder: Path | None, going: Callable[[], bool]
) -> SpillFile:
    """Returns a spill file with the events of these neighbouring slices that are not done (at least one).
    Raises `SpillUnavailable`; `source` can then only be closed."""
    wanted = [slice_ for slice_ in slices if not slice_.done]
    spilled = SpillFile({each.number: (each.low, not each.done) for each in slices}, folder, going)
    try:
        source.copy(wanted[0].low, wanted[-1].high, wanted[0].upto, spilled)
        spilled.end()
    except BaseException:
        spilled.close()
        raise
    return spilled
