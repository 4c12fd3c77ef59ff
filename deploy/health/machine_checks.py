"""What `rapport doctor` looks at on this machine: Python, packages, disk, key files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from deploy.health.findings import Diagnostic
from deploy.secrets import Secrets
from deploy.settings import CHECKOUT, Settings, unknown

OLDEST: Final = (3, 11)
LOCK: Final = CHECKOUT / "requirements.lock"
DISK_ERROR_BYTES: Final = 200 * 1024**2
DISK_WARNING_BYTES: Final = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """One check: its name, what it saw, and its findings."""

    name: str
    seen: str
    findings: tuple[Diagnostic, ...] = ()
    wrong: bool = False
    """Set where something is wrong that another check reports."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return not self.wrong and all(one.severity != "error" for one in self.findings)


def python() -> Checkup:
    """The Python that runs this."""
    found = sys.version_info[:3]
    wrong = Diagnostic(
        fact=f"This is Python {'.'.join(map(str, found))}.",
        cause=f"Rapport needs {'.'.join(map(str, OLDEST))} or newer.",
        act="Install it, delete .venv and run `make .venv`.",
    )
    return Checkup(
        name="python", seen=".".join(map(str, found)), findings=() if found >= OLDEST else (wrong,)
    )


def packages(lock: Path = LOCK) -> Checkup:
    """Whether the installed packages are those of the lock file."""
    direct = {Requirement(line).name.lower() for line in requires("rapport") or [] if "extra ==" not in line}
    wrong, right = [], 0
    for wanted in _locked(lock):
        pinned = next(iter(wanted.specifier)).version
        try:
            installed = version(wanted.name)
        except PackageNotFoundError:
            installed = None
        if installed == pinned:
            right += 1
        elif installed is not None or wanted.name.lower() in direct:
            wrong.append(f"{wanted.name} is {installed or 'missing'}, locked is {pinned}")
    findings: tuple[Diagnostic, ...] = ()
    if wrong:
        findings = (
            Diagnostic(
                fact=f"{len(wrong)} packages differ from {lock.name}.",
                cause=f"{'; '.join(wrong)}.",
                act="Run `make .venv`.",
            ),
        )
    return Checkup(name="packages", seen=f"{right} as locked", findings=findings)


def _locked(lock: Path) -> Iterator[Requirement]:
    if not lock.exists():
        return
    for line in lock.read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            wanted = Requirement(line.rstrip(" \\"))
            if wanted.marker is None or wanted.marker.evaluate():
                yield wanted


def environment() -> Checkup:
    """Whether each RAPPORT_ variable is a setting. A container platform may set others, so this is a
    warning."""
    strange = unknown()
    findings = tuple(
        Diagnostic(
            severity="warning",
            fact=f"{name} is set, but Rapport has no such setting.",
            cause="Nothing reads it.",
            act="Correct its name if you meant one: `rapport settings` lists them.",
        )
        for name in strange
    )
    return Checkup(name="settings", seen=f"{len(strange)} unknown" if strange else "known", findings=findings)


def disk(settings: Settings) -> Checkup:
    """Space left where the home folder is."""
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    seen = f"{free / 1024**3:,.1f} GiB free at {place}"
    if free >= DISK_WARNING_BYTES:
        return Checkup(name="disk", seen=seen)
    found = Diagnostic(
        severity="error" if free < DISK_ERROR_BYTES else "warning",
        fact=f"Only {free / 1024**2:,.0f} MiB are free at {place}.",
        cause="Events are kept for ever, in PostgreSQL and in Kafka.",
        act="Make room, or move the home folder (RAPPORT_HOME) to a larger disk.",
    )
    return Checkup(name="disk", seen=seen, findings=(found,))


def key_files(settings: Settings) -> Checkup:
    """The key files and their modes."""
    problems = Secrets(settings.secrets).problems()
    return Checkup(
        name="key files",
        seen=str(settings.secrets),
        findings=tuple(Diagnostic(fact=problem) for problem in problems),
    )
