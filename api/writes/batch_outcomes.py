"""Recording the items of one request in bulk, each with its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from api.http.context import correlation_of
from api.http.problems import Problem, domain_body
from api.http.validation import Body
from api.services import Services
from api.writes.batches import Item
from api.writes.execution import canonical, context_of
from commands.bulk.recorder import BulkOutcome, BulkRecorder, History, HistoryFailed
from domain.kernel.errors import DomainError

B = TypeVar("B", bound=Body)

Mode = Annotated[
    Literal["each", "atomic"],
    Query(
        description="`each`: every item by itself, a failed one stops no other. `atomic`: all or none; "
        "when one fails, the response is the problem `item-failed`, which names it, and nothing was changed."
    ),
]


class ItemOutcome(BaseModel):
    """The outcome of one item."""

    index: int = Field(description="Its index among the items, from 0.")
    line: int | None = Field(description="Its line, from 1, in NDJSON.")
    state: Literal["created", "updated", "unchanged", "failed"]
    id: UUID | None
    problem: dict[str, Any] | None = Field(description="Why it failed, as a problem (RFC 9457).")


class BatchOutcome(BaseModel):
    """The outcomes of all items, in the order sent."""

    created: int
    updated: int
    unchanged: int
    failed: int
    results: list[ItemOutcome]
    consistency_token: str = Field(examples=["1042"])


def record_all(
    request: Request,
    response: Response,
    found: Sequence[Item[B]],
    history: Callable[[B], History],
    key: str | None,
    mode: str,
) -> BatchOutcome:
    """Records the items, which `history` makes of bodies, in one transaction if possible.

    With `key`, each item has a key of its own, made of it and its index: when the request is repeated,
    recorded items stay and the others are tried again. Raises `Problem` for the first item that fails in
    atomic mode (bodies are checked before any decision), and domain errors that are not about an item.
    """
    services: Services = request.app.state.services
    atomic = mode == "atomic"
    results: dict[int, ItemOutcome] = {}
    made: list[tuple[Item[B], History]] = []
    for item in found:
        try:
            if isinstance(item.body, Problem):
                raise item.body
            made.append((item, _keyed(request, item, history(item.body), key, mode)))
        except (Problem, DomainError) as error:
            results[item.index] = _failed(request, item, error, atomic=atomic)
    recorder = BulkRecorder(services.commands, services.claims, context_of(request))
    try:
        outcomes = recorder.record([each for _, each in made], whole=atomic)
    except HistoryFailed as failure:
        raise _item_failed(request, made[failure.index][0], failure.error) from failure
    for (item, _), outcome in zip(made, outcomes, strict=True):
        if outcome.error is not None:
            results[item.index] = _failed(request, item, outcome.error, atomic=atomic)
        else:
            results[item.index] = ItemOutcome(
                index=item.index, line=item.line, state=outcome.state, id=outcome.id, problem=None
            )
    token = str(_position(services, outcomes))
    response.headers["Consistency-Token"] = token
    states = [result.state for result in results.values()]
    return BatchOutcome(
        created=states.count("created"),
        updated=states.count("updated"),
        unchanged=states.count("unchanged"),
        failed=states.count("failed"),
        results=[results[index] for index in sorted(results)],
        consistency_token=token,
    )


def _keyed(request: Request, item: Item[B], history: History, key: str | None, mode: str) -> History:
    if key is None or isinstance(item.body, Problem):
        return history
    return replace(history, key=f"{key}/{item.index}", request=canonical(request, None, item.body, mode))


def _position(services: Services, outcomes: Sequence[BulkOutcome]) -> int:
    """Returns the position after which a read sees all outcomes. For unchanged items it is the newest one,
    since another request may have recorded them just now."""
    position = max((outcome.position for outcome in outcomes), default=0)
    if any(outcome.state == "unchanged" for outcome in outcomes):
        position = max(position, services.head())
    return position


def _failed(request: Request, item: Item[B], error: Problem | DomainError, *, atomic: bool) -> ItemOutcome:
    if atomic:
        raise _item_failed(request, item, error) from error
    problem = _told(request, error)
    return ItemOutcome(index=item.index, line=item.line, state="failed", id=None, problem=problem)


def _item_failed(request: Request, item: Item[B], error: Problem | DomainError) -> Problem:
    place = f"Item {item.index}" if item.line is None else f"Item {item.index} (line {item.line})"
    return Problem(
        "item-failed",
        f"{place} failed, so nothing was changed. Its problem says why: correct it and send all of them "
        "again, or send them without mode=atomic.",
        index=item.index,
        line=item.line,
        problem=_told(request, error),
    )


def _told(request: Request, error: Problem | DomainError) -> dict[str, Any]:
    correlation = str(correlation_of(request.scope))
    return error.body(correlation) if isinstance(error, Problem) else domain_body(error, correlation)
