"""The driver's errors as the eventsourcing library's, so that its contract holds for our recorder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from eventsourcing import persistence
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

deadlocks_retried: Final = retry(
    retry=retry_if_exception_type((psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure)),
    wait=wait_random_exponential(multiplier=0.02, max=1.0),
    stop=stop_after_attempt(6),
    reraise=True,
)
"""Does a whole transaction again that PostgreSQL ended to free others."""

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
