"""Configuration in files beside the settings: pipelines, reasons."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from deploy.settings import PREFIX, Settings, SettingsProblem
from domain.configuration import pipelines, reasons
from domain.configuration.pipelines import Pipelines
from domain.configuration.reasons import Reasons
from domain.kernel.errors import Invalid

T = TypeVar("T")


def load_pipelines(settings: Settings) -> Pipelines:
    """The configured pipelines. Raises `SettingsProblem` for a missing or wrong file."""
    return _parsed("pipelines", settings.pipelines_file, pipelines.parse)


def load_reasons(settings: Settings) -> Reasons:
    """The configured reasons. Raises `SettingsProblem` for a file that is missing or wrong."""
    return _parsed("reasons", settings.reasons_file, reasons.parse)


def _parsed(what: str, file: Path, parse: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return parse(tomllib.loads(file.read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, Invalid) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsProblem(
            f"The {what} file {file} can't be used: {reason} "
            f"Correct it, or name another with {PREFIX}{what.upper()}_FILE."
        ) from None
