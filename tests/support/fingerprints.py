"""A read model version's fingerprint: what its schema is, and which rows its fold makes of frozen histories.

It stands in the version's folder as `fingerprint.json`. Where it no longer fits, rows written before and
after the change would stand side by side in one table, so the change belongs into a new version.

    python -m tests.support.fingerprints add NAME VERSION     what is missing: a new model, a new history
    python -m tests.support.fingerprints anew NAME VERSION    all of it, for a version never released
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
from projections.registry import named
from projections.runtime.projection import Projection
from projections.runtime.replay import Rows, fold_all
from tests.support import frozen_histories
from tests.support.histories import opened

FILE: Final = "fingerprint.json"


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
    whose = f"projections/{projection.name}/v{projection.version}"
    command = "python -m tests.support.fingerprints"
    which = f"{projection.name} {projection.version}"
    was = kept(projection)
    if was is None:
        return [f"{whose} has no {FILE}. Write it: `{command} add {which}`."]
    act = (
        f"Rows that version {projection.version} has written already are not rewritten by that: leave "
        f"{whose} as it was, and make the change in a new version, a copy of the folder as "
        f"v{projection.version + 1} with a line in projections/registry.py. Only where this version was "
        f"never released, write its fingerprint anew: `{command} anew {which}`."
    )
    now = fingerprint(projection)
    found = []
    if was["schema"] != now["schema"]:
        found.append(f"The tables in {whose}/schema.sql were changed, and the version was not. {act}")
    for history, tables in now["rows"].items():
        if history not in was["rows"]:
            found.append(
                f"The {FILE} of {whose} does not cover the frozen history {history}. "
                f"Add it: `{command} add {which}`."
            )
            continue
        differing = sorted(
            name
            for name in {*tables, *was["rows"][history]}
            if tables.get(name) != was["rows"][history].get(name)
        )
        if differing:
            found.append(
                f"The fold of {whose} makes other rows of the frozen history {history} than when it was "
                f"fixed (tables {', '.join(differing)}), and the version was not changed. {act}"
            )
    return found


def add(projection: Projection) -> None:
    """Writes what the fingerprint lacks. Raises `ValueError` where what it has does not fit any more."""
    was, now = kept(projection) or {"rows": {}}, fingerprint(projection)
    for name, value in (("schema", now["schema"]), *now["rows"].items()):
        before = was.get("schema") if name == "schema" else was["rows"].get(name)
        if before is not None and before != value:
            raise ValueError(f"It has changed ({name}): {' '.join(faults(projection))}")
    anew(projection)


def anew(projection: Projection) -> None:
    """Writes the fingerprint of the version as it is."""
    text = orjson.dumps(
        fingerprint(projection), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )
    (projection.folder / FILE).write_bytes(text)


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


def main(words: Sequence[str]) -> None:
    """The command line."""
    acts = {"add": add, "anew": anew}
    if len(words) != 3 or words[0] not in acts:
        sys.exit((__doc__ or "").strip())
    projection = named(words[1], int(words[2]))
    acts[words[0]](projection)
    sys.stdout.write(f"Wrote {Path(*projection.folder.parts[-3:]) / FILE}.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
