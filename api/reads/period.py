"""The period of a report: its begin and its end, as query parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from api.http.problems import Problem
from api.http.shapes import Moment


@dataclass(frozen=True, slots=True)
class Span:
    """The period of the request."""

    since: Moment | None
    until: Moment | None


def period(
    since: Annotated[
        Moment | None, Query(description="The period's begin, included.", examples=["2016-01-01T00:00:00Z"])
    ] = None,
    until: Annotated[Moment | None, Query(description="The period's end, not included.")] = None,
) -> Span:
    """A dependency. Raises `Problem` (`validation`) for a period that ends before it begins."""
    if since is not None and until is not None and until <= since:
        raise Problem("validation", "query.until: must be later than since. Correct the period.")
    return Span(since, until)
