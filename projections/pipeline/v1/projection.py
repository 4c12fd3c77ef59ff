"""Version 1 of `pipeline`: its table, views and queries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.pipeline.v1.fold import COLUMNS, fold
from projections.pipeline.v1.queries import Opportunities
from projections.runtime.projection import Projection, Table, subject

PIPELINE_V1: Final = Projection(
    name="pipeline",
    version=1,
    families=("opportunity",),
    tables=(
        Table(
            name="opportunity",
            columns=COLUMNS,
            key="id",
            keys_of=subject,
            fold=fold,
            history="opportunity_version",
            single_aggregate=True,
        ),
    ),
    folder=Path(__file__).parent,
    views=("opportunity", "opportunity_version", "board", "outcome", "forecast", "opportunity_change"),
    queries=Opportunities,
)
