"""A worker whose version was dropped waits until an operator builds the version again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from threading import Event as Flag
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from projections.control import versions
from projections.runtime.projection import Projection

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
"""Seconds between two checks whether the version is there again."""


def wait_while_dropped(projection: Projection, connect: Callable[[], Connection], stop: Flag) -> bool:
    """Returns True when the version is there again or `stop` is set; False at once if it was not dropped.

    If the worker ended instead, `rapport up`, which starts one for every version of its release, would start
    it again and again. A read side that does not respond is tried again.
    """
    waited = False
    while not stop.is_set():
        try:
            with closing(connect()) as connection, connection, connection.cursor() as c:
                if (projection.name, projection.version) not in versions.dropped(c):
                    return waited
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            log.debug("The read side does not say whether %s was dropped.", projection.schema)
        except psycopg2.ProgrammingError:
            return False  # there is no read side at all
        else:
            if not waited:
                log.warning("%s Until then this worker waits.", versions.again(projection))
        waited = True
        stop.wait(POLL_SECONDS)
    return True
