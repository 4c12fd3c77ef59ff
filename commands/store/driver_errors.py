"""The driver's errors as the eventsourcing library's, so that its contract holds for our recorder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import psycopg2
from eventsourcing import persistence
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

P = ParamSpec("P")
T = TypeVar("T")

PAUSE_SECONDS: Final = 0.02
"""Seconds that the other transaction of a deadlock gets to go on."""

_ENDED: Final = (psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure)
_again: Final = retry(
    retry=retry_if_exception_type(_ENDED),
    wait=wait_random_exponential(multiplier=0.02, max=1.0),
    stop=stop_after_attempt(5),
    reraise=True,
)


def deadlocks_retried(transaction: Callable[P, T]) -> Callable[P, T]:
    """Does a whole transaction again, up to five times, that PostgreSQL ended to free others."""
    again = _again(transaction)

    @wraps(transaction)
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return transaction(*args, **kwargs)  # without the retrying's own cost, a third of an append's
        except _ENDED:
            time.sleep(PAUSE_SECONDS)  # or this one takes again what the other is just being woken for
            return again(*args, **kwargs)

    return done


_TRANSLATED: Final = (
    (psycopg2.IntegrityError, persistence.IntegrityError),
    (psycopg2.DataError, persistence.DataError),
    (psycopg2.OperationalError, persistence.OperationalError),
    (psycopg2.InternalError, persistence.InternalError),
    (psycopg2.ProgrammingError, persistence.ProgrammingError),
    (psycopg2.NotSupportedError, persistence.NotSupportedError),
    (psycopg2.DatabaseError, persistence.DatabaseError),
    (psycopg2.InterfaceError, persistence.InterfaceError),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raises the library's error for the driver's, which stays its cause.

    The text is the server's primary message alone: its detail would quote values.
    """
    try:
        yield
    except psycopg2.Error as error:
        for ours, theirs in _TRANSLATED:
            if isinstance(error, ours):
                raise theirs(error.diag.message_primary or str(error)) from error
        raise persistence.PersistenceError(str(error)) from error
