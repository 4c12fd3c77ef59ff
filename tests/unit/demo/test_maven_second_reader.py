"""The demo's expected figures come from a reader that knows nothing of the project."""

from __future__ import annotations

import ast
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

READER = Path("deploy/demo/second_reader.py")
DATA = Path("deploy/demo/data/maven-crm")


def test_the_second_reader_imports_the_standard_library_alone() -> None:
    """A shared mistake could hide in a figure that the project itself computed."""
    imported = set()
    for node in ast.walk(ast.parse(READER.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= sys.stdlib_module_names
    assert not imported & {"importlib", "runpy"}


def test_the_second_reader_agrees_with_the_totals_of_sources_md(tmp_path: Path) -> None:
    """It runs alone, in isolated mode and away from the checkout, and finds what the data's page states."""
    run = subprocess.run(
        [sys.executable, "-I", str(READER.resolve()), str(DATA.resolve())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    page = (DATA / "SOURCES.md").read_text().split("## Known totals")[1].split("##")[0]
    stated = {
        name: int(value.replace(",", "")) for name, value in re.findall(r"\| (.+?) \| ([\d,]+) \|", page)
    }
    assert stated.pop("agents") + 6 == found["principals"]
    assert stated == {
        "opportunities": found["opportunities"],
        "won": found["won"],
        "value of the won ones, dollars": found["won value"],
        "lost": found["lost"],
        "engaging": found["engaging"],
        "prospecting": found["prospecting"],
        "opportunities that name no account": found["without a customer"],
        "accounts": found["customers"],
        "products": found["products"],
    }
    assert found["events"] == 41 + 85 + 7 + 8800 + 4238 + 2473


def test_the_files_are_compressed_without_a_time_stamp_and_hold_utf_8() -> None:
    """The same data gives the same bytes in the repository, and every tool can read them."""
    names = {path.name for path in DATA.glob("*.gz")}
    assert {f"{table}.csv.gz" for table in ("accounts", "products", "sales_teams", "sales_pipeline")} < names
    for path in DATA.glob("*.gz"):
        assert path.read_bytes()[4:8] == b"\0\0\0\0", path
        assert gzip.decompress(path.read_bytes()).decode("utf-8").count("\n") > 5, path
