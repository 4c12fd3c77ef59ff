"""Programs that come as jars: fetched once from Maven Central, checked against hashes at each start."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalServiceError

KAFKA_VERSION = "4.3.1"
# kafka-tools brings the program that formats the data folder; without slf4j-simple a broker that can't start
# says nothing.
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
    f"+org.apache.kafka:kafka-tools:{KAFKA_VERSION}"
    "+org.slf4j:slf4j-simple:1.7.36"
)
HASHES = Path(__file__).with_name("kafka.sha256")
RESOLVE = Path(__file__).with_name("resolve.py")
MAX_ATTEMPTS = 3
FETCH_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is fetched: `jars` are the file names with their SHA-256 in hex, `listed_in` the file that has
    them, `size` says how much it is; `otherwise` is what else to do where it can't be fetched."""

    name: str
    coordinates: str
    jars: Mapping[str, str]
    listed_in: str
    size: str
    otherwise: str


class JarsUnavailable(LocalServiceError):
    """The jars could not be fetched; `cause` says why in a few words. Jars with a wrong hash raise another
    error."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text)
        self.cause = cause


def listed_hashes(hashes: Path = HASHES) -> dict[str, str]:
    """File name -> SHA-256 in hex, from the committed list."""
    lines = (line.split() for line in hashes.read_text().splitlines() if line.strip())
    return {name: digest for digest, name in lines}


def wrong_jars(folder: Path, listed: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The names of the jars that are missing in the folder, and of those whose hash differs."""
    missing = [name for name in listed if not (folder / name).is_file()]
    changed = [
        name
        for name, digest in listed.items()
        if name not in missing and hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]
    return missing, changed


def ensure_jars(folder: Path, say: Callable[[str], None] | None = None, hashes: Path = HASHES) -> list[Path]:
    """Apache Kafka's jars in the folder, as `ensure` gives them; `hashes`: lines of digest and file name."""
    kafka = Program(
        name=f"Apache Kafka {KAFKA_VERSION}",
        coordinates=COORDINATES,
        jars=listed_hashes(hashes),
        listed_in=HASHES.name,
        size="55 MB",
        otherwise="give the address of a Kafka of your own",
    )
    return ensure(folder, kafka, say)


def ensure(folder: Path, program: Program, say: Callable[[str], None] | None = None) -> list[Path]:
    """The program's jars in the folder, fetched when they are not there; each one's hash matches the list.

    Args:
        folder: where they are kept, without sub folders.
        program: which.
        say: called with a sentence before a fetch, which takes up to half a minute.

    Raises:
        JarsUnavailable: they could not be fetched.
        LocalServiceError: a hash differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / "lock"):
        missing, changed = wrong_jars(folder, program.jars)
        if missing and not changed:
            if say is not None:
                say(f"Fetching {program.name} ({len(program.jars)} jars, {program.size}; only this once) ...")
            fetch(folder, program)
            missing, changed = wrong_jars(folder, program.jars)
        if changed or missing:
            raise LocalServiceError(
                f"The jars of {program.name} in {folder} are not those that this version of Rapport was "
                f"built with: {describe(changed, missing)}. They were changed, or damaged on the way. "
                f"Remove {folder} to have them fetched again; if that does not help, do not run them."
            )
    return [folder / name for name in sorted(program.jars)]


def describe(changed: list[str], missing: list[str]) -> str:
    """The jars at fault, at most five of each kind."""
    parts = [
        f"{what} {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}"
        for what, names in (("another hash has", changed), ("missing is", missing))
        if names
    ]
    return "; ".join(parts)


def fetch(folder: Path, program: Program) -> None:
    """Fetch the jars beside their place and move those that are listed into it."""
    work = folder.with_name(folder.name + ".fetch")
    work.mkdir(parents=True, exist_ok=True)
    said = ""
    for _ in range(MAX_ATTEMPTS):
        try:
            # -P: the modules beside the script must not stand in for packages of the same name.
            done = subprocess.run(
                [sys.executable, "-P", str(RESOLVE), program.coordinates, str(work)],
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said = f"nothing after {FETCH_SECONDS:.0f} seconds"
            continue
        if done.returncode == 0:
            break
        said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason")
    else:
        raise JarsUnavailable(
            f"{program.name} could not be fetched from Maven Central, in {MAX_ATTEMPTS} attempts: "
            f"{said.strip()[:500]}. Try again with access to it, or copy the jars listed in "
            f"{program.listed_in} to {folder}, or {program.otherwise}.",
            cause=said.strip()[:80],
        )
    for jar in work.rglob("*.jar"):
        if jar.name in program.jars and "cache" in jar.relative_to(work).parts:
            os.replace(jar, folder / jar.name)
    shutil.rmtree(work)


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold a lock: two that start at once fetch once."""
    with file.open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield
