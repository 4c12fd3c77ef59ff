"""The demo's figures: expected ones beside those found in the store, the views, the API and the topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg2
from psycopg2.extras import RealDictCursor

from commands.imports.maven_files.histories import SOURCES
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.counts import count_committed
from consumers.kafka.topics import topic

FOLDER: Final = Path(__file__).parent

Number = int | Decimal

INCIDENTS: Final = {"since": "2016-01-01T00:00:00Z", "until": "2018-01-01T00:00:00Z"}
"""The period of the imported incidents: changes in a running demo lie outside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `source` says where `found` comes from."""

    name: str
    expected: Number
    found: Number | None
    source: str

    @property
    def right(self) -> bool:
        """Whether the found figure is the expected one."""
        return self.found == self.expected


def compare(expected: Mapping[str, Number], found: Mapping[str, Mapping[str, Number]]) -> list[Figure]:
    """A figure for each expected name and each source (name -> value) that has it, in the expected order.

    A name that no source has becomes a figure that was not found, so no expected figure gets lost.
    """
    figures = []
    for name, value in expected.items():
        giving = {source: values[name] for source, values in found.items() if name in values}
        figures += [
            Figure(name=name, expected=value, found=each, source=source) for source, each in giving.items()
        ]
        if not giving:
            figures.append(Figure(name=name, expected=value, found=None, source="nowhere"))
    return figures


def from_views(reader_url: str, pipeline: str) -> dict[str, Number]:
    """The figures of the public views, read as the read-only role."""
    return {
        **_one_row(reader_url, FOLDER / "read_side.sql", {"pipeline": pipeline}),
        **_one_row(reader_url, FOLDER / "read_customers.sql", {}),
        **_one_row(reader_url, FOLDER / "read_cases.sql", {}),
    }


def from_store(store_url: str) -> dict[str, Number]:
    """What the imports recorded, and `all events`."""
    return {
        **_one_row(store_url, FOLDER / "store.sql", {"sources": list(SOURCES)}),
        **_one_row(store_url, FOLDER / "store_customers.sql", {}),
    }


def from_board(url: str, key: str, pipeline: str) -> dict[str, Number]:
    """The figures of the board, from the API at `url` with an API key."""
    board = _asked(url, key, f"/v1/pipelines/{pipeline}/board")
    counts = {stage["stage"]: stage["count"] for stage in board["stages"]}
    opened = [stage for stage in board["stages"] if stage["kind"] == "open"]
    won = next(stage for stage in board["stages"] if stage["kind"] == "won")
    return {
        "opportunities": board["totals"]["count"],
        **{stage: counts[stage] for stage in ("won", "lost", "engaging", "prospecting")},
        "won value": Decimal(won["amount"]),
        "open at list price": sum((Decimal(stage["amount"]) for stage in opened), Decimal(0)),
    }


def from_service(url: str, key: str) -> dict[str, Number]:
    """The figures of the service desk's reports over the incidents' years, from the API at `url`."""
    verdicts = _asked(url, key, "/v1/service/reportedSla", **INCIDENTS)
    reopening = _asked(url, key, "/v1/service/reopenRate", **INCIDENTS)
    return {
        "cases closed": verdicts["met"] + verdicts["missed"] + verdicts["unknown"],
        "SLA missed by the log": verdicts["missed"],
        "cases reopened": reopening["reopened"],
        "reopenings": reopening["reopenings"],
    }


def of_the_flow(
    *,
    all_events: int,
    seals: Seals,
    kafka: KafkaAddress,
    families: Sequence[str],
    projections: Mapping[str, int],
) -> list[Figure]:
    """Whether store, seals, topics and read models agree, so that nothing is lost and nothing is left behind.

    `projections` maps each read model to its position.
    """
    last = seals.last()
    sealed = 0
    number = 0
    while page := seals.since(number):
        sealed += sum(seal.count for seal in page)
        number = page[-1].sequence
    counted = count_committed(kafka, [topic(family) for family in families])
    end = 0 if last is None else last.last
    return [
        Figure(name="events in the store", expected=all_events, found=sum(counted.values()), source="topics"),
        Figure(
            name="events in the store",
            expected=all_events,
            found=sealed,
            source="seals",
        ),
        *(
            Figure(name="end of the last seal", expected=end, found=position, source=f"{name} stands at")
            for name, position in projections.items()
        ),
    ]


def _asked(url: str, key: str, path: str, **arguments: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{url}{path}", params=arguments, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _one_row(url: str, statement: Path, values: Mapping[str, Any]) -> dict[str, Number]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(statement.read_text(), values)
            row = cursor.fetchone()
            assert row is not None  # an aggregate always gives one
            return dict(row)
    finally:
        connection.close()
