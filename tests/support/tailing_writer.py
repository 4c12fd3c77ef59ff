"""A writer that does everything a follower could stumble over, until it is killed or told to end.

Run as `python -m tests.support.tailing_writer SEED` with the URL on standard input; ends when that is closed.
Says "writing" once it has begun. Events of type `never` are rolled back, those of type `kept` committed.
"""

from __future__ import annotations

import io
import random
import select
import sys
import time
from uuid import uuid4

import psycopg2
from psycopg2.extensions import connection, cursor

INSERT = (
    "INSERT INTO store.event (aggregate_id, version, type, party, event)"
    " SELECT gen_random_uuid(), 1, %s, gen_random_uuid(), '{}' FROM generate_series(1, %s)"
)


def commit_one(writer: cursor, chance: random.Random) -> None:
    """The usual: a few events, committed."""
    writer.execute(INSERT, ("kept", chance.randint(1, 3)))
    writer.connection.commit()


def abort(writer: cursor, chance: random.Random) -> None:
    """Positions are drawn and burnt."""
    writer.execute(INSERT, ("never", chance.randint(1, 3)))
    writer.connection.rollback()


def hold(writer: cursor, chance: random.Random) -> None:
    """Positions are drawn, then others commit higher ones."""
    writer.execute(INSERT, ("kept", 1))
    time.sleep(chance.uniform(0.01, 0.15))
    writer.execute(INSERT, ("kept", 1))
    writer.connection.commit()


def hold_then_abort(writer: cursor, chance: random.Random) -> None:
    """Held and then given up."""
    writer.execute(INSERT, ("never", 1))
    time.sleep(chance.uniform(0.01, 0.1))
    writer.connection.rollback()


def roll_back_to_savepoint(writer: cursor, chance: random.Random) -> None:
    """A lock that was taken behind a savepoint goes with it; the next append must take it again."""
    if chance.random() < 0.5:
        writer.execute(INSERT, ("kept", 1))
    writer.execute("SAVEPOINT here")
    writer.execute(INSERT, ("never", 2))
    writer.execute("ROLLBACK TO SAVEPOINT here")
    writer.execute(INSERT, ("kept", 1))
    time.sleep(chance.uniform(0, 0.05))
    writer.connection.commit()


def copy(writer: cursor, chance: random.Random) -> None:
    """Many rows through COPY, held a moment."""
    rows = "".join(f"{uuid4()}\t1\tkept\t{uuid4()}\t{{}}\n" for _ in range(chance.randint(5, 20)))
    writer.copy_expert(
        "COPY store.event (aggregate_id, version, type, party, event) FROM STDIN", io.StringIO(rows)
    )
    time.sleep(chance.uniform(0, 0.05))
    writer.connection.commit()


def write(opened: connection, seed: int) -> None:
    """Writes until standard input is closed."""
    chance = random.Random(seed)
    acts = (commit_one, commit_one, abort, hold, hold_then_abort, roll_back_to_savepoint, copy)
    with opened.cursor() as writer:
        sys.stdout.write("writing\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], 0)[0]:
            chance.choice(acts)(writer, chance)


if __name__ == "__main__":
    write(psycopg2.connect(sys.stdin.readline().strip()), int(sys.argv[1]))
