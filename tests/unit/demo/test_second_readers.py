"""The demo's figures of CDNOW and the incidents come from readers that know nothing of the project."""

from __future__ import annotations

import ast
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path("deploy/demo")
READERS = {
    DEMO / "second_reader_cdnow.py": DEMO / "data/cdnow",
    DEMO / "second_reader_incidents.py": DEMO / "data/incidents",
}
STATED = {
    "customers": "shop customers",
    "purchases": "purchases",
    "CDs": "CDs",
    "value, dollars": "purchase value",
    "purchases of value 0": "purchases of value 0",
    "incidents": "cases",
    "incidents whose last row is Closed": "cases closed",
    "incidents that were reopened": "cases reopened",
    "moves from Resolved to Active": "reopenings",
    "incidents that missed their SLA (`made_sla` FALSE on the last row)": "SLA missed by the log",
    "callers": "callers",
}
"""What the data's pages call what the readers count."""


@pytest.mark.parametrize("reader", READERS, ids=lambda path: path.stem)
def test_a_second_reader_imports_the_standard_library_alone(reader: Path) -> None:
    """A shared mistake could hide in a figure that the project itself computed."""
    imported = set()
    for node in ast.walk(ast.parse(reader.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= sys.stdlib_module_names
    assert not imported & {"importlib", "runpy"}


@pytest.mark.parametrize("reader", READERS, ids=lambda path: path.stem)
def test_a_second_reader_agrees_with_the_totals_of_sources_md(reader: Path, tmp_path: Path) -> None:
    """It runs alone, in isolated mode and away from the checkout, and finds what the data's page states."""
    data = READERS[reader]
    run = subprocess.run(
        [sys.executable, "-I", str(reader.resolve()), str(data.resolve())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {name: str(value) for name, value in json.loads(run.stdout).items()}
    page = (data / "SOURCES.md").read_text().split("## Known totals")[1].split("##")[0]
    stated = {
        STATED[name]: value.replace(",", "")
        for name, value in re.findall(r"\| (.+?) \| ([\d,.]+) \|", page)
        if name in STATED
    }
    assert len(stated) >= 5
    assert {name: found[name] for name in stated} == stated


@pytest.mark.parametrize("data", READERS.values(), ids=lambda path: path.name)
def test_the_files_are_compressed_without_a_time_stamp(data: Path) -> None:
    """The same data gives the same bytes in the repository, and every tool can read them."""
    (path,) = data.glob("*.gz")
    assert path.read_bytes()[4:8] == b"\0\0\0\0"
    assert gzip.decompress(path.read_bytes()).isascii()
