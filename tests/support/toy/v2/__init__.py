"""Version 2 of `toy`, in the files that a read model has."""

from __future__ import annotations

from tests.support.toy.v2.projection import TOY_V2

__all__ = ["TOY_V2"]
