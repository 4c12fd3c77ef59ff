"""The relay's state, seen from outside: it reads store and topics, each of which may be away."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import psycopg2
from psycopg2.extensions import parse_dsn

from commands.store.high_water_mark import HighWaterMarkTimeout, high_water_mark, last_drawn
from commands.store.incarnation import BEHIND, OLDER
from commands.store.pool import connect
from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import describe
from consumers.kafka.producer import recorded_ms
from consumers.kafka.tail import last_committed_seal
from consumers.relay.agreement import RESTORE
from consumers.relay.leader import REPUBLISHING
from domain.events.seal import Seal, parse
from domain.kernel.errors import Undecodable

SILENT_SECONDS: Final = 5.0
STUCK_SECONDS: Final = 10.0
SETTLING_SECONDS: Final = 0.5
"""Seconds that it waits for appends under way."""

AGAIN: Final = "Run `rapport relay republish` again; it goes on behind the last range that was committed."
SAID_LAST: Final = ("stopped", BEHIND, REPUBLISHING)
"""States that stay although no relay reports them again."""

_REPORTED: Final = """
    SELECT state, reason, leader, position, rate, extract(epoch FROM now() - heartbeat)::float8
      FROM store.relay
"""
_HEAD: Final = "SELECT coalesce(max(position), 0) FROM store.event"
_LAST_SEAL: Final = "SELECT record FROM store.seal ORDER BY sequence DESC LIMIT 1"
# Seals have counts: only events that are not sealed yet are counted one by one.
_BEHIND: Final = """
    SELECT (SELECT coalesce(sum(count), 0) FROM store.seal WHERE last > %(published)s)
         + (SELECT count(*) FROM store.event WHERE position > greatest(%(sealed)s, %(published)s))
"""
_OLDEST: Final = """
    SELECT event, extract(epoch FROM now())::float8 FROM store.event
     WHERE position > %s ORDER BY position LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStatus:
    """The relay's state at one moment. A value that could not be read is None.

    `state` is "leading", "waiting_for_broker", "recovery_needed" (the store is behind the topics, or on a
    server it does not know), "republishing" (lost topics are being restored) or "stopped" as the leader
    reports; "silent" when it reported nothing for 5 s, "none" when no relay ever ran, "unknown" while the
    store is away. `head`, `high_water_mark`, `sealed` and `published` are positions: of the newest event; up
    to which no event can appear any more; of the last seal; of the last published seal. `lag_seconds` is the
    age of the oldest event that is not published, 0 when all are; `rate` is in events a second. `findings`
    are sentences about what is wrong, each with what to do; empty when all is well.
    """

    state: str = "unknown"
    reason: str | None = None
    leader: str | None = None
    head: int | None = None
    high_water_mark: int | None = None
    sealed: int | None = None
    published: int | None = None
    lag_events: int | None = None
    lag_seconds: float | None = None
    rate: float | None = None
    heartbeat_age: float | None = None
    findings: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nobody has to act."""
        return not self.findings


def relay_status(store_url: str, address: KafkaAddress, *, timeout: float = 4.0) -> RelayStatus:
    """Reads store and topics. It takes at most about twice `timeout` (seconds) while one of them is away.

    `store_url` is of a role that may read the store. Never raises for a service that is away.
    """
    published, kafka_finding = _topics(address, timeout)
    try:
        connection = connect(store_url, connect_timeout=max(2, int(timeout)))
    except psycopg2.OperationalError as error:
        return RelayStatus(
            published=published.last if published else None,
            findings=(store_away(store_url, error), *((kafka_finding,) if kafka_finding else ())),
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (str(int(timeout * 1000)),))
            status = _store(cursor, published, kafka_finding)
    except psycopg2.ProgrammingError:
        return RelayStatus(findings=("The store was never migrated. Run `rapport migrate`.",))
    except psycopg2.OperationalError as error:
        return RelayStatus(findings=(store_away(store_url, error),))
    finally:
        connection.close()
    return replace(
        status, findings=(*status.findings, *_judged(status, kafka_away=kafka_finding is not None))
    )


def reported(cursor: Any) -> RelayStatus:
    """Returns the state from the store alone: `published` is the position that the leader reported last, and
    `findings` is empty. Raises the driver's errors."""
    return replace(_store(cursor, None, "the topics were not read"), findings=())


def store_away(url: str, error: psycopg2.Error) -> str:
    """Returns the sentence about a PostgreSQL that does not respond, with its address without the
    password."""
    told = parse_dsn(url)
    where = f"{told.get('host', 'localhost')}:{told.get('port', '5432')}"
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    cause = first.rpartition("failed: ")[2].rstrip(".")
    return (
        f"PostgreSQL at {where} does not answer: {cause}. "
        "Start it (`rapport up` on this machine), or correct the address. Nothing can be recorded until then."
    )


def _topics(address: KafkaAddress, timeout: float) -> tuple[Seal | None, str | None]:
    try:
        return last_committed_seal(address, timeout=timeout), None
    except Undecodable as error:
        return None, f"crm.seal.v1 ends with a record that is no seal: {error} Look for who wrote it."
    except Exception as error:  # any error of the client: a status page must not fail for it
        return None, (
            f"Kafka at {address.bootstrap} does not answer: {describe(error)}. Start the broker, or correct "
            "the address. While the store runs, events are kept and sealed there."
        )


def _store(cursor: Any, published: Seal | None, kafka_finding: str | None) -> RelayStatus:
    cursor.execute(_REPORTED)
    state, reason, leader, noted, rate, age = cursor.fetchone() or ("none", None, None, 0, None, None)
    cursor.execute(_HEAD)
    head = int(cursor.fetchone()[0])
    mark = _high_water_mark(cursor)
    cursor.execute(_LAST_SEAL)
    row = cursor.fetchone()
    sealed = parse(bytes(row[0])).last if row else 0
    # While Kafka is away, the position that the leader reported last is the best known.
    upto = noted if kafka_finding else (published.last if published else 0)
    cursor.execute(_BEHIND, {"published": upto, "sealed": sealed})
    lag_events = int(cursor.fetchone()[0])
    cursor.execute(_OLDEST, (upto,))
    oldest = cursor.fetchone()
    lag_seconds = max(0.0, oldest[1] - recorded_ms(bytes(oldest[0])) / 1000) if oldest else 0.0
    findings = [kafka_finding] if kafka_finding else []
    if not kafka_finding and noted > upto:
        findings.append(
            f"The topics are behind: they end at position {upto}, and {noted} was published already. They "
            f"were deleted, or this is another broker. {RESTORE}"
        )
    return RelayStatus(
        state="silent" if age is not None and age > SILENT_SECONDS and state not in SAID_LAST else state,
        reason=reason,
        leader=leader,
        head=head,
        high_water_mark=mark,
        sealed=sealed,
        published=upto,
        lag_events=lag_events,
        lag_seconds=round(lag_seconds, 3),
        rate=rate,
        heartbeat_age=age,
        findings=tuple(findings),
    )


def _high_water_mark(cursor: Any) -> int | None:
    """Returns None while appends under way do not end: the high-water mark is not known then."""
    try:
        return high_water_mark(cursor, last_drawn(cursor), SETTLING_SECONDS)
    except HighWaterMarkTimeout:
        return None


def _judged(status: RelayStatus, *, kafka_away: bool) -> list[str]:
    """Returns what an operator must do about the relay's own state."""
    if status.state == "none":
        return ["No relay has run on this store yet. Start one with `rapport relay run`."]
    if status.state == "silent":
        said = f"The relay {status.leader} has said nothing for {status.heartbeat_age:.0f} s"
        return [f"{said}: it was stopped, or it hangs. Start one with `rapport relay run`; it takes over."]
    if status.state == BEHIND:
        return [status.reason or OLDER]
    if status.state == REPUBLISHING:
        if (status.heartbeat_age or 0) > SILENT_SECONDS:
            return [f"{status.reason} {status.leader}, which did that, was stopped. {AGAIN}"]
        return [f"{status.reason} {status.leader} does that; events are not published meanwhile."]
    if status.state == "stopped":
        reason = status.reason or "The relay stopped."
        return [f"{reason} {'Then start' if 'Run `' in reason else 'Start'} it with `rapport relay run`."]
    if status.state == "waiting_for_broker" and not kafka_away:
        return [status.reason or "The relay waits for the broker."]
    stuck = status.state == "leading" and not status.rate and (status.lag_seconds or 0) > STUCK_SECONDS
    if stuck and status.head == status.sealed:
        return ["The relay leads and publishes nothing, and gives no reason. Look into its log."]
    if stuck:
        return [
            "The relay seals nothing: a transaction that appends events has been open for long. Look for the "
            "advisory lock in pg_locks, and end the session that holds it."
        ]
    return []
