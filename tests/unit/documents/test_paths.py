"""Every path in backticks exists: who follows one from a page or from a module's docstring finds the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
TOPS = ("api", "commands", "consumers", "deploy", "domain", "projections", "tests")
PAGES = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "Makefile", "deploy/demo/TOUR.md")
DOCUMENTS = [
    *(CHECKOUT / page for page in PAGES if (CHECKOUT / page).exists()),
    *sorted((CHECKOUT / "deploy").glob("HANDBOOK*.md")),
    *(file for top in TOPS for file in sorted((CHECKOUT / top).rglob("*.py"))),
]
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?(?=$|::)")
"""A path without placeholders; a test's name may follow it."""
NEW_FILE = re.compile(r"^`[^`\n]+`:$", re.MULTILINE)
"""The title of a block whose example makes that file, as in CONTRIBUTING.md."""
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
FILE = re.compile(r".+\.(?:py|md|sql|toml|txt|csv|lock)")


def text_of(document: Path) -> str:
    """The page, or the docstring of the module."""
    text = document.read_text(encoding="utf-8")
    if document.suffix != ".py":
        return NEW_FILE.sub("", text)
    docstring = DOCSTRING.match(text)
    return docstring[1] if docstring else ""


def paths(text: str) -> Iterator[str]:
    """What is in backticks and looks like a path: a file by its suffix, a folder by its slash at the end, or
    anything in one of our folders. Routes begin with a slash, generated files with a dot."""
    for code in re.findall(r"`([^`\s]+)`", text):
        found = PATH.match(code)
        if found is None or code.startswith("."):
            continue
        path = found[0]
        if FILE.fullmatch(path) or path.endswith("/") or ("/" in path and path.split("/")[0] in TOPS):
            yield path


def exists(path: str, beside: Path) -> bool:
    """Whether it is there from the checkout, from the document's folder, or from a folder above that. A page
    and an `__init__.py` may say a bare name of what lies anywhere below them."""
    if any((folder / path).exists() for folder in beside.parents if folder.is_relative_to(CHECKOUT)):
        return True
    tops = [beside.parent] if beside.name == "__init__.py" else [CHECKOUT / top for top in TOPS]
    bare = path.rstrip("/")
    says_less = beside.name == "__init__.py" or beside.parent == CHECKOUT
    return says_less and "/" not in bare and any(next(top.rglob(bare), None) for top in tops)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see `api/http/problems.py` and `sales/`", ["api/http/problems.py", "sales/"]),
        ("shown by `tests/unit/a.py::test_b`", ["tests/unit/a.py"]),
        ("not `/v1/reasons`, `rapport up`, `application/json`, `.rapport/secrets` or `<name>/v<n>/`", []),
    ],
)
def test_a_path_is_recognised(text: str, found: list[str]) -> None:
    """Else the test below could pass because it sees nothing."""
    assert list(paths(text)) == found


def test_every_path_in_backticks_exists() -> None:
    missing = [
        f"{document.relative_to(CHECKOUT)}: `{path}`"
        for document in DOCUMENTS
        for path in paths(text_of(document))
        if not exists(path, document)
    ]
    assert missing == [], "these paths are not there: name the file where it is now"
