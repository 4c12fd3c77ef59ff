"""A read model of the tests in whose rows two topics meet: what a party's customer and its deals had."""

from __future__ import annotations

from tests.support.shared_row.projection import NARROW_V1, SHARED_ROW_V1

__all__ = ["NARROW_V1", "SHARED_ROW_V1"]
