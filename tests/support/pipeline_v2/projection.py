"""Version 2 of `pipeline`, and the same version by name and number with another fold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from projections.pipeline.v1.fold import COLUMNS
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.runtime.projection import Projection
from tests.support.pipeline_v2.fold import fold, other_fold
from tests.support.pipeline_v2.queries import Opportunities

PIPELINE_V2: Final[Projection] = replace(
    PIPELINE_V1,
    version=2,
    tables=(replace(PIPELINE_V1.tables[0], columns={**COLUMNS, "reopened": "int"}, fold=fold),),
    folder=Path(__file__).parent,
    queries=Opportunities,
)

CHANGED_V2: Final[Projection] = replace(
    PIPELINE_V2, tables=(replace(PIPELINE_V2.tables[0], fold=other_fold),)
)
