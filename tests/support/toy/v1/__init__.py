"""Version 1 of `toy`, in the files that a read model has."""

from __future__ import annotations

from tests.support.toy.v1.fold import fold
from tests.support.toy.v1.projection import TOY_V1
from tests.support.toy.v1.queries import Toys

__all__ = ["TOY_V1", "Toys", "fold"]
