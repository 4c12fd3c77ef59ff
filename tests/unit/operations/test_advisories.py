"""What the audit of dependencies says: known vulnerabilities fail it, a service out of reach does not."""

from __future__ import annotations

from typing import Any

from deploy.health.advisories import verdict


def package(name: str, *known: str, fixed: str = "2.0") -> dict[str, Any]:
    vulns = [{"id": id, "fix_versions": [fixed] if fixed else []} for id in known]
    return {"name": name, "version": "1.0", "vulns": vulns}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": "Dependency not found on PyPI and could not be audited"}


def test_what_is_known_to_be_vulnerable_is_named_with_what_corrects_it() -> None:
    found = verdict({"dependencies": [package("a"), package("b", "PYSEC-1"), package("c", "X-2", fixed="")]})
    assert found.vulnerable
    assert found.lines[0] == "3 of 3 dependencies were audited; 2 vulnerabilities known."
    assert found.lines[1].startswith("b 1.0: PYSEC-1, corrected in 2.0. ")
    assert found.lines[2].startswith("c 1.0: X-2, corrected in no version yet. ")


def test_nothing_known_is_no_failure() -> None:
    found = verdict({"dependencies": [package("a"), skipped("b")]})
    assert (found.vulnerable, len(found.lines)) == (False, 1)
    assert found.lines[0].startswith("1 of 2 dependencies were audited; 0 ")


def test_a_service_that_is_not_reached_is_said_and_no_failure() -> None:
    for report in (None, {"dependencies": [skipped("a"), skipped("b")]}):
        found = verdict(report)
        assert not found.vulnerable
        assert "no dependency was audited" in found.lines[0]
