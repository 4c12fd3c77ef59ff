"""The lag of the read models behind the store; reads go on while the store is away, and say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import psycopg2
from eventsourcing.persistence import PersistenceError

from api.services import Services
from commands.store.pool import PoolBusy
from domain.events.envelope import moment, parse

AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, PersistenceError, PoolBusy)
"""The errors of a database that does not respond."""


def head(services: Services) -> int | None:
    """The store's newest position, None while the store is away."""
    try:
        return services.head()
    except AWAY:
        return None


def recorded_behind(services: Services) -> Callable[[int], datetime | None]:
    """Returns when the first event after a position was recorded; None without one, or while the store is
    away."""

    def recorded(position: int) -> datetime | None:
        try:
            waiting = services.crm.recorder.select_notifications(position + 1, limit=1)
        except AWAY:
            return None
        return moment(parse(waiting[0].state)["recordedtime"]) if waiting else None

    return recorded
