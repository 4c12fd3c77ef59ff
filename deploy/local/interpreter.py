"""Prints with which Python the installation is made: `python3`, unless another one here is much quicker.

How a Python was built matters more than its version: one compiled from its sources as they come, as version
managers do, takes half as long again as a distribution's for what Rapport does. So each is tried, for a few
moments, once for an installation. This runs before anything is installed, in whatever `python3` is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NAMES = ("python3", "python3.11", "python3.12", "python3.13", "python3.14")
MUCH = 1.25
"""`python3` is passed over where it takes so many times as long as another."""
TRIALS = 3
"""How often each is tried, in turn: a machine that has other work for a moment must not decide it."""
SECONDS = 20
PROBE = """
import sys, time
if sys.version_info < (3, 11):
    sys.exit(1)
import ensurepip, ssl, venv

class Each:
    def __init__(self, number):
        self.number = number
    def told(self):
        return {"number": self.number, "text": str(self.number)}

def took():
    begun = time.perf_counter()
    kept = {}
    for number in range(30_000):
        kept[number & 255] = Each(number).told()
    return time.perf_counter() - begun

print(min(took() for _ in range(7)))
"""


def chosen(path: str) -> str:
    """The program to use of those in the folders of `path`; `python3` where none can be used at all."""
    took: dict[str, float] = {}
    programs = _programs(path)
    for _ in range(TRIALS):
        found = {program: seconds for program in programs if (seconds := _tried(program)) is not None}
        took = {program: min(seconds, took.get(program, seconds)) for program, seconds in found.items()}
        programs = list(took)
    if not took:
        return "python3"
    first = next(iter(took))
    quickest = min(took, key=lambda program: took[program])
    return quickest if took[first] > MUCH * took[quickest] else first


def _programs(path: str) -> list[str]:
    """`python3` first, as the shell would find it."""
    places = [Path(folder) / name for name in NAMES for folder in path.split(os.pathsep) if folder]
    programs: dict[Path, str] = {}
    for place in places:
        if os.access(place, os.X_OK):
            programs.setdefault(place.resolve(), str(place))  # one program has many names
    return list(programs.values())


def _tried(program: str) -> float | None:
    """Seconds that it takes for the trial; None for one that cannot be used."""
    try:
        done = subprocess.run(
            [program, "-I", "-c", PROBE], capture_output=True, text=True, timeout=SECONDS, check=True
        )
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


if __name__ == "__main__":
    sys.stdout.write(chosen(os.environ.get("PATH", "")) + "\n")
