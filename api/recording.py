"""Taking interactions in: one, or many with an outcome each; taken in twice, they are there once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from api.batches import Item, Sent, items
from api.bodies.interaction import RecordInteraction
from api.context import correlation_of
from api.problems import Problem, domain_body
from api.sending import Recorded, answered, execute, position_of
from commands.bus import Outcome
from domain.errors import DomainError

State = Literal["created", "unchanged"]


class Taken(Recorded):
    """What became of an interaction."""

    state: State = Field(description="created, or unchanged: it had been taken in before.")


class ItemOutcome(BaseModel):
    """What became of one item."""

    index: int = Field(description="Its place among the items, from 0.")
    line: int | None = Field(description="Its line, from 1, where NDJSON was sent.")
    state: Literal["created", "unchanged", "failed"]
    id: UUID | None
    problem: dict[str, Any] | None = Field(description="Why it failed, as a problem (RFC 9457).")


class BatchOutcome(BaseModel):
    """What became of all items, in the order in which they were sent."""

    created: int
    unchanged: int
    failed: int
    results: list[ItemOutcome]
    consistency_token: str = Field(examples=["1042"])


def take(request: Request, response: Response, body: RecordInteraction, key: str | None) -> Taken:
    """Records one interaction: 201, or 200 where it was there. Raises domain errors."""
    outcome = execute(request, body.command(), body, key=key)
    state = _state(outcome)
    response.status_code = 201 if state == "created" else 200
    response.headers["Location"] = f"/v1/interactions/{outcome.id}"
    return Taken(state=state, **answered(request, response, outcome))


def take_all(request: Request, response: Response, sent: Sent, key: str | None) -> BatchOutcome:
    """Records each item by itself: a failed one holds up no other."""
    taken = [
        _taken(request, item, None if key is None else f"{key}/{item.index}")
        for item in items(sent, RecordInteraction)
    ]
    results = [result for result, _ in taken]
    # One look for all that were there before: the newest of what was recorded is behind each of them.
    behind = [outcome for _, outcome in taken if outcome is not None]
    token = max((position_of(request, outcome) for outcome in _telling(behind)), default=0)
    response.headers["Consistency-Token"] = str(token)
    states = [result.state for result in results]
    return BatchOutcome(
        created=states.count("created"),
        unchanged=states.count("unchanged"),
        failed=states.count("failed"),
        results=results,
        consistency_token=str(token),
    )


def _telling(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcome of the highest position, and one of those that recorded nothing."""
    unchanged = [outcome for outcome in outcomes if not outcome.position]
    return [*unchanged[:1], *sorted(outcomes, key=lambda outcome: outcome.position)[-1:]]


def _taken(
    request: Request, item: Item[RecordInteraction], key: str | None
) -> tuple[ItemOutcome, Outcome | None]:
    correlation = str(correlation_of(request.scope))
    try:
        if isinstance(item.body, Problem):
            raise item.body
        outcome = execute(request, item.body.command(), item.body, key=key)
    except Problem as problem:
        return _failed(item, problem.body(correlation)), None
    except DomainError as error:
        return _failed(item, domain_body(error, correlation)), None
    state = _state(outcome)
    return ItemOutcome(index=item.index, line=item.line, state=state, id=outcome.id, problem=None), outcome


def _failed(item: Item[RecordInteraction], problem: dict[str, Any]) -> ItemOutcome:
    return ItemOutcome(index=item.index, line=item.line, state="failed", id=None, problem=problem)


def _state(outcome: Outcome) -> State:
    return "created" if outcome.position else "unchanged"
