"""Every read model version that has a folder. Add a line here for a new one."""

from __future__ import annotations

from typing import Final

from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.identity.v1.projection import IDENTITY_V1
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.runtime.projection import Projection
from projections.service_history.v1.projection import SERVICE_HISTORY_V1

PROJECTIONS: Final[tuple[Projection, ...]] = (PIPELINE_V1, IDENTITY_V1, CUSTOMER_360_V1, SERVICE_HISTORY_V1)


def has(name: str, version: int) -> bool:
    """Whether this program has a folder of that version."""
    return any((p.name, p.version) == (name, version) for p in PROJECTIONS)


def candidate_of(name: str, active: int | None, version: int | None = None) -> Projection:
    """Returns the version to rebuild: `version`, or the newest above the active one. Raises `KeyError`."""
    if version is not None or active is None:
        return named(name, version)
    others = [p for p in PROJECTIONS if p.name == name and p.version > active]
    if not others:
        named(name)
        raise KeyError(
            f"{name} has no version beyond {active}, which is active: there is no candidate. Add the folder "
            "of a new version and its line in projections/registry.py, then run `rapport migrate`."
        )
    return max(others, key=lambda p: p.version)


def named(name: str, version: int | None = None) -> Projection:
    """Returns the projection of that name: its version, or the newest. Raises `KeyError` with a sentence."""
    found = [p for p in PROJECTIONS if p.name == name and version in (None, p.version)]
    if not found:
        known = ", ".join(sorted({f"{p.name} (version {p.version})" for p in PROJECTIONS}))
        raise KeyError(
            f"There is no projection {name}{f' version {version}' if version else ''}. Known: {known}."
        )
    return max(found, key=lambda p: p.version)
