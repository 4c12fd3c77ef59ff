"""PostgreSQL 15, the oldest that is supported, for tests: fetched from Maven Central as Kafka's jars are.

The jar is checked against the hash below each time, and unpacked once into the checkout's state folder.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.errors import LocalServiceError
from deploy.local.jars import Program, ensure, exclusive
from deploy.local.postgres import LocalPostgres

VERSION: Final = "15.15.0"
# By machine, as `platform.machine()` names it: what Maven Central calls it, and the jar's SHA-256.
_BUILDS: Final[Mapping[str, tuple[str, str]]] = {
    "x86_64": ("linux-amd64", "7c73da91870b0615b37a8ceb84871bd42f28c3600f87a97ca9747f4a0b8d2dbb"),
    "aarch64": ("linux-arm64v8", "623ee4c35cfdccd585d4473ff9b51942d465a7f8280687e6b960f56066f58909"),
}


def installed(folder: Path) -> Path:
    """The folder `bin` of PostgreSQL 15, fetched and unpacked into `folder` when it is not there.

    Raises `LocalServiceError` where this machine has none, or it can't be fetched.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _BUILDS:
        raise LocalServiceError(
            f"The tests have no PostgreSQL 15 for {sys.platform} on {machine}, only for Linux on "
            f"{' and '.join(_BUILDS)}. Add the build to {Path(__file__).name}, with its hash."
        )
    build, digest = _BUILDS[machine]
    jar = f"embedded-postgres-binaries-{build}-{VERSION}.jar"
    program = Program(
        name=f"PostgreSQL {VERSION}",
        coordinates=f"io.zonky.test.postgres:embedded-postgres-binaries-{build}:{VERSION}",
        jars={jar: digest},
        listed_in=Path(__file__).name,
        size="14 MB",
        otherwise="run the tests on a machine that has it in its folder .rapport",
    )
    (fetched,) = ensure(folder, program)
    place = folder / f"{VERSION}-{build}"
    with exclusive(folder / "lock"):
        if not place.exists():
            _unpack(fetched, place)
    return place / "bin"


def _unpack(jar: Path, place: Path) -> None:
    """Beside its place and then moved there: who is killed in between leaves nothing half."""
    fresh = place.with_name(place.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    with zipfile.ZipFile(jar) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".txz"))
        with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r:xz") as archive:
            # Early releases of Python 3.11 have no filters; what is unpacked has the committed hash.
            filtered = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(fresh, **filtered)  # type: ignore[arg-type]
    fresh.rename(place)


class Postgres15(LocalPostgres):
    """A PostgreSQL 15 server without fsync, from the programs that `installed` gives."""

    major = "15"
    own_settings: Mapping[str, str] = {}
    locale = ("--locale=C",)  # the provider with a Unicode locale of its own came with 17

    def __init__(self, folder: Path, programs: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, durable=False, settings=settings)
        self._programs = programs

    def programs(self) -> Path:
        """The folder with its programs."""
        return self._programs
