"""A read model version's fingerprint: what its schema is, and which rows its fold makes of frozen histories.

It stands in the version's folder as `fingerprint.json`. Where it no longer fits, rows written before and
after the change would stand side by side in one table, so the change belongs into a new version.

    python -m tests.support.fingerprints add                  what any version lacks: a model, a history
    python -m tests.support.fingerprints add NAME VERSION     the same of one version
    python -m tests.support.fingerprints anew NAME VERSION    all of it, for a version never released

`make freeze` does the first. A new record type adds its histories to what is there; of the others every row
must stay equal.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from domain.events.catalogue import CATALOGUE
from projections.registry import PROJECTIONS, named
from projections.runtime.projection import Projection
from projections.runtime.replay import Rows, fold_all
from tests.support import frozen_histories
from tests.support.histories import opened

FILE: Final = "fingerprint.json"
FREEZE: Final = "make freeze"
"""The command that adds what a fingerprint lacks."""


def fingerprint(projection: Projection) -> dict[str, Any]:
    """`schema`: of the statements in schema.sql; `rows`: by history and table, of the rows folded."""
    return {
        "schema": _digest(_statements((projection.folder / "schema.sql").read_text())),
        "rows": {name: _tables(projection, name) for name in frozen_histories.names(projection.families)},
    }


def kept(projection: Projection) -> dict[str, Any] | None:
    """What stands in the version's folder."""
    file = projection.folder / FILE
    return orjson.loads(file.read_bytes()) if file.is_file() else None


def faults(projection: Projection) -> list[str]:
    """What of the version is not as its fingerprint has it, each with what to do; none: all is well."""
    was = kept(projection)
    if was is None:
        return [f"{_whose(projection)} has no {FILE}. Write it: `{FREEZE}`."]
    now = fingerprint(projection)
    uncovered = [name for name in now["rows"] if name not in was["rows"]]
    return _changed(projection, was, now) + [
        f"The {FILE} of {_whose(projection)} does not cover the frozen history {name}. Add it: `{FREEZE}`."
        for name in uncovered
    ]


def add(projection: Projection) -> bool:
    """Writes what the fingerprint lacks: histories that are new, tables and families of new record types.
    False where it lacks nothing.

    Raises `ValueError` where what it has does not fit any more: the rows of a history that was there before
    must stay equal, and a table that is new has none of it.
    """
    was, now = kept(projection), fingerprint(projection)
    if was is not None and (found := _changed(projection, was, now)):
        raise ValueError(" ".join(found))
    return _write(projection, now)


def _whose(projection: Projection) -> str:
    return f"projections/{projection.name}/v{projection.version}"


def _changed(projection: Projection, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What the version yielded before and yields no more, each with what to do."""
    whose = _whose(projection)
    act = (
        f"Rows that version {projection.version} has written already are not rewritten by that: leave "
        f"{whose} as it was, and make the change in a new version, a copy of the folder as "
        f"v{projection.version + 1} with a line in projections/registry.py. Only where this version was "
        "never released, write its fingerprint anew: `python -m tests.support.fingerprints anew "
        f"{projection.name} {projection.version}`."
    )
    found = []
    if was["schema"] != now["schema"]:
        found.append(f"The tables in {whose}/schema.sql were changed, and the version was not. {act}")
    for history, before in was["rows"].items():
        tables = now["rows"].get(history)
        if tables is None:
            found.append(
                f"{whose} reads no event of the frozen history {history} any more, and the version was not "
                f"changed. {act}"
            )
            continue
        differing = sorted(
            name for name in {*tables, *before} if tables.get(name) != before.get(name, NO_ROWS)
        )
        if differing:
            found.append(
                f"The fold of {whose} makes other rows of the frozen history {history} than when it was "
                f"fixed (tables {', '.join(differing)}), and the version was not changed. {act}"
            )
    return found


def anew(projection: Projection) -> bool:
    """Writes the fingerprint of the version as it is. False where it is the same."""
    return _write(projection, fingerprint(projection))


def _write(projection: Projection, found: Mapping[str, Any]) -> bool:
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    file = projection.folder / FILE
    if file.is_file() and file.read_bytes() == text:
        return False
    file.write_bytes(text)
    return True


def folded(projection: Projection, name: str) -> Rows:
    """The rows that the version's fold makes of a frozen history."""
    return fold_all(projection, frozen_histories.history(name), CATALOGUE, opened)


def _tables(projection: Projection, name: str) -> Mapping[str, str]:
    return {
        table: _digest(orjson.dumps(found, option=orjson.OPT_SORT_KEYS))
        for table, found in folded(projection, name).items()
    }


def _statements(text: str) -> bytes:
    """SQL without what changes nothing: comments and the spaces between words."""
    return " ".join(re.sub(r"--[^\n]*", "", text).split()).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


NO_ROWS: Final = _digest(orjson.dumps({}))
"""What a history makes of a table that none of its events writes."""


def add_all() -> tuple[list[Path], list[str]]:
    """Adds to every registered version what its fingerprint lacks: the files written, and why others were
    refused."""
    written, refused = [], []
    for projection in PROJECTIONS:
        try:
            if add(projection):
                written.append(projection.folder / FILE)
        except ValueError as error:
            refused.append(str(error))
    return written, refused


def main(words: Sequence[str]) -> None:
    """The command line."""
    acts = {"add": add, "anew": anew}
    if list(words) == ["add"]:
        sys.exit("\n".join(add_all()[1]) or None)
    if len(words) != 3 or words[0] not in acts:
        sys.exit((__doc__ or "").strip())
    projection = named(words[1], int(words[2]))
    try:
        acts[words[0]](projection)
    except ValueError as error:
        sys.exit(str(error))
    sys.stdout.write(f"Wrote {_whose(projection)}/{FILE}.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
