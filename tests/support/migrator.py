"""Processes that migrate one database at the same time.

Run as `python -m tests.support.migrator N` with the superuser's URL on the first line of standard input. Each
of the N processes writes its number when it is about to begin, waits until standard input is closed, and
writes its result: whether the store was new to it, its version, its id. Exit code 0 when all have done so.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial

from commands.store.migrate import migrate
from projections.release.schema import install
from tests.support.database import PARTITIONS, PASSWORDS


def one(url: str) -> None:
    """What each process does."""
    os.write(1, b"%d\n" % os.getpid())
    sys.stdin.read()
    read_side = partial(install, partitions=PARTITIONS)
    result = migrate(url, passwords=PASSWORDS, partitions=PARTITIONS, read_side=read_side)
    told = {"new": result.before is None, "after": result.after, "store_id": str(result.store_id)}
    os.write(1, json.dumps(told).encode() + b"\n")


def main() -> int:
    """Forked behind the imports, so that they begin together indeed."""
    url = sys.stdin.readline().strip()
    children = []
    for _ in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            one(url)
            os._exit(0)
        children.append(child)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


if __name__ == "__main__":
    sys.exit(main())
