"""Version 1 of `service_history`: its table, views and queries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.runtime.projection import Projection, Table, subject
from projections.service_history.v1.fold import COLUMNS, fold
from projections.service_history.v1.queries import Cases

SERVICE_HISTORY_V1: Final = Projection(
    name="service_history",
    version=1,
    families=("case",),
    tables=(
        Table(
            name="case",
            columns=COLUMNS,
            key="id",
            keys_of=subject,
            fold=fold,
            history="case_version",
            single_aggregate=True,
        ),
    ),
    folder=Path(__file__).parent,
    views=("case", "case_version", "backlog", "case_times", "reopening", "complaint", "reported_sla"),
    queries=Cases,
)
