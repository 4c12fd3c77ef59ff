"""Pipelines and their stages: configuration, parsed from a mapping (`deploy/configuration/pipelines.toml`).

A decision reads them. A fold never does: the event says what it meant when it happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from domain.kernel.errors import Invalid
from domain.kernel.money import CURRENCIES
from domain.kernel.repository import Repository
from domain.kernel.text import SLUG, quoted

StageKind = Literal["open", "won", "lost"]
KINDS: Final[tuple[StageKind, ...]] = get_args(StageKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage: its permanent `id`, its name, the probability (percent) on entry, and its kind."""

    id: str
    name: str
    probability: int
    kind: StageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Stages in their order, the reasons a loss may have, and the currency its sums are in."""

    id: str
    name: str
    stages: tuple[Stage, ...]
    lost_reasons: tuple[str, ...]
    currency: str

    @property
    def open_stages(self) -> tuple[Stage, ...]:
        """The stages an open opportunity can be in, in order."""
        return tuple(stage for stage in self.stages if stage.kind == "open")

    @property
    def won(self) -> Stage:
        """The one stage of won opportunities."""
        return next(stage for stage in self.stages if stage.kind == "won")

    @property
    def lost(self) -> Stage:
        """The one stage of lost opportunities."""
        return next(stage for stage in self.stages if stage.kind == "lost")

    def stage(self, id: str) -> Stage:
        """Returns the stage of that id. Raises `Invalid`, which lists the stages."""
        for stage in self.stages:
            if stage.id == id:
                return stage
        names = ", ".join(stage.id for stage in self.stages)
        raise Invalid(f"The pipeline {self.id} has no stage {quoted(id)}. Its stages are: {names}.")

    def open_stage(self, id: str) -> Stage:
        """Returns the open stage of that id. Raises `Invalid`."""
        stage = self.stage(id)
        if stage.kind != "open":
            names = ", ".join(stage.id for stage in self.open_stages)
            raise Invalid(
                f"The stage {id} of the pipeline {self.id} is for {stage.kind} opportunities. "
                f"Close the opportunity as {stage.kind}, or name an open stage: {names}."
            )
        return stage

    def between(self, after: str | None, before: str | None) -> tuple[str, ...]:
        """Returns the open stages after `after` and before `before`: those that a change between them skips.

        None means the start or the end. A stage that is no longer configured skips nothing.
        """
        ids = [stage.id for stage in self.open_stages]
        if (after is not None and after not in ids) or (before is not None and before not in ids):
            return ()
        start = 0 if after is None else ids.index(after) + 1
        end = len(ids) if before is None else ids.index(before)
        return tuple(ids[start:end])


class Pipelines(Mapping[str, Pipeline]):
    """All configured pipelines, by id."""

    def __init__(self, pipelines: Mapping[str, Pipeline]) -> None:
        self._pipelines = dict(pipelines)

    def __getitem__(self, id: str) -> Pipeline:
        return self._pipelines[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pipelines)

    def __len__(self) -> int:
        return len(self._pipelines)

    def named(self, id: str) -> Pipeline:
        """Returns the pipeline of that id. Raises `Invalid`, which lists the pipelines."""
        found = self._pipelines.get(id)
        if found is None:
            raise Invalid(
                f"There is no pipeline {quoted(id)}. The pipelines are: {', '.join(self) or 'none'}."
            )
        return found


def parse(document: Mapping[str, Any]) -> Pipelines:
    """Returns the pipelines of a parsed TOML document: `{id: {name, currency, lost_reasons, stages: [{id,
    ...}]}}`.

    Raises `Invalid` with a sentence that names the pipeline and what is wrong with it.
    """
    return Pipelines({id: _pipeline(id, table) for id, table in document.items()})


def _pipeline(id: str, table: Any) -> Pipeline:
    where = f"The pipeline {id}"
    if not SLUG.fullmatch(id):
        raise Invalid(f"{where} has an id that is not a slug. Use small letters, digits and hyphens.")
    if not isinstance(table, Mapping):
        raise Invalid(f"{where} is not a table. Give it a name, lost_reasons and stages.")
    stages = tuple(_stage(where, entry) for entry in _list(where, table, "stages"))
    reasons = tuple(_list(where, table, "lost_reasons"))
    if not reasons or not all(isinstance(reason, str) and SLUG.fullmatch(reason) for reason in reasons):
        raise Invalid(f"{where} needs lost_reasons, each a slug such as price or no-decision.")
    ids = [stage.id for stage in stages]
    if len(set(ids)) != len(ids) or len(set(reasons)) != len(reasons):
        raise Invalid(f"{where} names a stage or a lost reason twice. Give each its own id.")
    counts = {kind: sum(stage.kind == kind for stage in stages) for kind in KINDS}
    if not counts["open"] or counts["won"] != 1 or counts["lost"] != 1:
        raise Invalid(f"{where} needs at least one open stage, one of the kind won and one of the kind lost.")
    currency = _text(where, table, "currency")
    if currency not in CURRENCIES:
        raise Invalid(f"{where} names the currency {currency!r}. Use an ISO 4217 code such as USD.")
    name = _text(where, table, "name")
    return Pipeline(id=id, name=name, stages=stages, lost_reasons=reasons, currency=currency)


def _stage(where: str, entry: Any) -> Stage:
    if not isinstance(entry, Mapping):
        raise Invalid(f"{where} has a stage that is not a table. Give it id, name, probability and kind.")
    id = _text(where, entry, "id")
    if not SLUG.fullmatch(id):
        raise Invalid(
            f"{where} has a stage {id!r}, which is not a slug. Use small letters, digits and hyphens."
        )
    kind, probability = entry.get("kind"), entry.get("probability")
    if kind not in KINDS:
        raise Invalid(f"{where} gives its stage {id} the kind {kind!r}. A kind is open, won or lost.")
    if type(probability) is not int or not 0 <= probability <= 100:
        raise Invalid(
            f"{where} gives its stage {id} the probability {probability!r}. Give percent, 0 to 100."
        )
    return Stage(id=id, name=_text(where, entry, "name"), probability=probability, kind=kind)


def _text(where: str, table: Mapping[str, Any], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"{where} lacks a {name}. Give a text.")
    return value


def _list(where: str, table: Mapping[str, Any], name: str) -> list[Any]:
    value = table.get(name)
    if not isinstance(value, list):
        raise Invalid(f"{where} lacks {name}. Give a list.")
    return value


def configured_pipelines(repository: Repository) -> Pipelines:
    """The pipelines in force."""
    found: Pipelines = repository.configuration("pipelines")
    return found
