"""The configuration of an incident import: `incidents.toml` as an object."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commands.imports.kit.report import ImportRefused
from domain.service.case.events import CaseKind, CaseState

DEFAULT: Final = Path(__file__).parents[1] / "incidents.toml"
"""The configuration that comes with the program."""

REACHABLE_STATES: Final = tuple(
    state for state in get_args(CaseState) if state not in ("rejected", "duplicate")
)
"""States that a log can lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsConfig:
    """What the log leaves open; see `incidents.toml`. `states` maps the log's words to our states."""

    zone: ZoneInfo
    kind: CaseKind
    unknown: str
    states: Mapping[str, CaseState]

    @property
    def ambiguous(self) -> frozenset[str]:
        """The log's words for states that share ours with another word."""
        shared = Counter(self.states.values())
        return frozenset(word for word, state in self.states.items() if shared[state] > 1)


def parse(document: Mapping[str, Any]) -> IncidentsConfig:
    """The configuration of a parsed TOML document. Raises `ImportRefused`."""
    states = document.get("states")
    if not isinstance(states, dict) or not states:
        raise ImportRefused("The import's configuration lacks [states]. Add it; see incidents.toml.")
    return IncidentsConfig(
        zone=_zone(document.get("zone")),
        kind=cast("CaseKind", _one_of("kind", document.get("kind"), get_args(CaseKind))),
        unknown=_text("unknown", document.get("unknown")),
        states={
            word: cast("CaseState", _one_of(f'states."{word}"', state, REACHABLE_STATES))
            for word, state in states.items()
        },
    )


def load(path: Path = DEFAULT) -> IncidentsConfig:
    """The configuration in the file `path`. Raises `ImportRefused`."""
    try:
        return parse(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportRefused(
            f"The import's configuration {path} cannot be read: {error}. Name another file."
        ) from error


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ImportRefused(
            f"{name} in the import's configuration must be a text. Add it; see incidents.toml."
        )
    return value


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    text = _text(name, value)
    if text not in allowed:
        raise ImportRefused(
            f"{name} in the import's configuration is {text}; it must be one of "
            f"{', '.join(allowed)}. Correct it."
        )
    return text


def _zone(value: object) -> ZoneInfo:
    name = _text("zone", value)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImportRefused(
            f"zone in the import's configuration is {name}, and there is no such time zone. "
            "Name one such as Europe/Berlin or UTC."
        ) from None
