"""A next version of `pipeline`, in the tests alone: it counts how often an opportunity was reopened.

The column needs the whole history, so no statement could add it to version 1. And each reopening makes it
less probable by one percent: a value that version 1 has too, so that an answer tells whose rows it shows.
"""

from __future__ import annotations

from tests.support.pipeline_v2.projection import CHANGED_V2, PIPELINE_V2

__all__ = ["CHANGED_V2", "PIPELINE_V2"]
