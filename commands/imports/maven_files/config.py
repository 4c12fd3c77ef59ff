"""The configuration of a Maven import: `maven.toml` as an object."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from commands.imports.kit.report import ImportRefused

DEFAULT: Final = Path(__file__).parents[1] / "maven.toml"
"""The configuration that comes with the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MavenConfig:
    """What the files leave open. `as_of` and `known_since` are midnights UTC; see `maven.toml` for the rest.

    `aliases` maps a column to {misspelt value: what is meant}.
    """

    pipeline: str
    currency: str
    lost_reason: str
    as_of: datetime
    known_since: datetime
    aliases: Mapping[str, Mapping[str, str]]

    def normalise(self, column: str, value: str) -> str:
        """`value` as it is meant."""
        return self.aliases.get(column, {}).get(value, value)


def parse(document: Mapping[str, Any]) -> MavenConfig:
    """The configuration of a parsed TOML document. Raises `ImportRefused`."""
    try:
        return MavenConfig(
            pipeline=_text(document, "pipeline"),
            currency=_text(document, "currency"),
            lost_reason=_text(document, "lost_reason"),
            as_of=_midnight(document, "as_of"),
            known_since=_midnight(document, "known_since"),
            aliases={column: dict(pairs) for column, pairs in document.get("aliases", {}).items()},
        )
    except KeyError as error:
        raise ImportRefused(f"The import's configuration lacks {error}. Add it; see maven.toml.") from error


def load(path: Path = DEFAULT) -> MavenConfig:
    """The configuration in the file `path`. Raises `ImportRefused`."""
    try:
        return parse(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportRefused(
            f"The import's configuration {path} cannot be read: {error}. Name another file."
        ) from error


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        raise ImportRefused(f"{name} in the import's configuration must be a text.")
    return value


def _midnight(document: Mapping[str, Any], name: str) -> datetime:
    value = document[name]
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ImportRefused(f"{name} in the import's configuration must be a date such as 2017-12-31.")
    return datetime.combine(value, time(), UTC)
