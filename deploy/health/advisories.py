"""`make audit-dependencies`: whether a dependency in requirements.lock has a known vulnerability.

Asks the advisory service of the Python package index by `pip-audit`. Where it can't reach the service, it
says so and does not fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

LOCK: Final = Path(__file__).resolve().parents[2] / "requirements.lock"
TIMEOUT_SECONDS: Final = 120
COMMAND: Final = (
    sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--no-deps", "--disable-pip",
    "--progress-spinner", "off", "--format", "json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result: sentences, and whether a vulnerability is known."""

    lines: Sequence[str]
    vulnerable: bool


def verdict(report: Mapping[str, Any] | None) -> Verdict:
    """Reads a report of pip-audit; None stands for no report, because the service was not reached."""
    packages = [] if report is None else list(report["dependencies"])
    asked = [each for each in packages if "skip_reason" not in each]
    if not asked:
        return Verdict(
            ["The advisory service is not reached from here: no dependency was audited. Run it where it is."],
            vulnerable=False,
        )
    found = [
        f"{each['name']} {each['version']}: {known['id']}, corrected in "
        f"{', '.join(known['fix_versions']) or 'no version yet'}. Raise it, then `make lock`."
        for each in asked
        for known in each["vulns"]
    ]
    lines = [
        f"{len(asked)} of {len(packages)} dependencies were audited; {len(found)} vulnerabilities known."
    ]
    return Verdict([*lines, *found], vulnerable=bool(found))


def main() -> int:
    """Prints the verdict; 1 where a vulnerability is known."""
    if find_spec("pip_audit") is None:
        sys.stderr.write("pip-audit is not installed. Run `make .venv`, then repeat.\n")
        return 1
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        report = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        report = None
    found = verdict(report)
    sys.stdout.writelines(f"{line}\n" for line in found.lines)
    return int(found.vulnerable)


if __name__ == "__main__":
    sys.exit(main())
