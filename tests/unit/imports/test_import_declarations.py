"""What an import declares is all that the command line needs, and the guide shows one that works."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import commands.imports
from commands.imports.kit.declaration import imports
from tests.support.example_imports import contacts

LISTS_IMPORTS = """
import sys
from deploy.cli import main
assert main.run(["import", "--help"]) == 0
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"psycopg2", "kafka", "eventsourcing"}, loaded
"""


def test_the_guide_shows_the_example_literally() -> None:
    example = Path(inspect.getfile(contacts)).read_text()

    guide = commands.imports.__doc__ or ""

    assert textwrap.indent(example.rstrip(), "    ") in guide, (
        "Copy tests/support/example_imports/contacts.py into commands/imports/__init__.py."
    )


def test_imports_are_found_by_their_modules_those_of_folders_first() -> None:
    assert [(name, declared.reads) for name, declared in imports().items()] == [
        ("maven", "folder"),
        ("cdnow", "file"),
        ("incidents", "file"),
    ]


def test_a_new_module_is_an_import_by_being_there(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(Path(inspect.getfile(contacts)).parent)
    monkeypatch.setattr(commands.imports, "__path__", [*commands.imports.__path__, folder])

    assert list(imports()) == ["maven", "cdnow", "contacts", "incidents"]


def test_the_help_of_imports_loads_no_library_of_the_store() -> None:
    """Given a module that imports commands at its top, then every command would start later."""
    done = subprocess.run(
        [sys.executable, "-c", LISTS_IMPORTS], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, f"Import commands within functions: {done.stderr}"
