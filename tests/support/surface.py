"""The public surface as text: what callers, operators and data teams rely on, a file for each part of it.

`make freeze` writes the files into `tests/unit/frozen/surface/`, where tests compare them.
`surface_schema.py` makes those in `tests/unit/frozen/surface/schema/` and needs PostgreSQL; all others need
no service.
"""

from __future__ import annotations

import difflib
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final
from unittest.mock import MagicMock, patch

import orjson
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Metric
from typer.core import TyperGroup
from typer.main import get_command

from api.app import create_app
from api.http.request_metrics import RequestMetrics
from api.services import Services
from consumers.relay.status import RelayStatus
from consumers.worker.writer import Meter
from deploy.cli.main import app as command_line
from deploy.metrics import relay
from deploy.metrics.read_models import ReadModels
from deploy.metrics.store import Appends
from deploy.metrics.worker import WorkerFigures
from deploy.settings import CHECKOUT, PREFIX, Settings
from projections.control.status import Status
from projections.registry import PROJECTIONS
from tests.support.surface_types import annotation, events

FOLDER: Final = Path(__file__).parents[1] / "unit" / "frozen" / "surface"
"""Files in the folder that are not made here."""
MAX_LINES: Final = 60
"""Lines of a difference that a message shows."""
WIDTH: Final = {"COLUMNS": "110", "NO_COLOR": "1", "TERM": "xterm"}  # a dumb terminal has 80 columns
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
LISTED: Final = ("state", "le")
"""Labels with few values, the same in every installation: states, and the buckets of histograms."""


def surface() -> dict[str, str]:
    """Every part that needs no service: path in the folder, and text."""
    return {name: make() for name, make in PARTS.items()}


def difference(name: str, now: str) -> str:
    """How `now` differs from the file of that name and what to do about it; empty where it does not."""
    file = FOLDER / name
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    if before == now:
        return ""
    lines = list(
        difflib.unified_diff(before.splitlines(), now.splitlines(), "frozen", "now", n=2, lineterm="")
    )
    more = [f"... and {len(lines) - MAX_LINES} more lines"] if len(lines) > MAX_LINES else []
    return "\n".join(
        [
            f"The public surface in {file.relative_to(CHECKOUT)} has changed. "
            "If the change is meant, run `make freeze` and read the diff.",
            *lines[:MAX_LINES],
            *more,
        ]
    )


def write(parts: Mapping[str, str]) -> list[Path]:
    """Writes the files that differ; which."""
    written = []
    for name, text in parts.items():
        file = FOLDER / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            written.append(file)
    return written


def application() -> FastAPI:
    """The API without anything behind it: enough for its routes and its document."""
    nothing: Any = None
    return create_app(
        Services(
            commands=nothing,
            crm=nothing,
            claims=nothing,
            read_pool=nothing,
            erasing=nothing,
            api_keys=nothing,
            pipelines=nothing,
            token_key=bytes(32),
            head=nothing,
        )
    )


def openapi() -> str:
    """The OpenAPI document."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(application().openapi(), option=options).decode()


def routes() -> str:
    """Method, path, operation id and scope of every operation, then the pages that are not documented."""
    app = application()
    documented = app.openapi()["paths"]
    lines = [
        f"{method.upper()} {path} {operation['operationId']} {_scope(operation)}"
        for path, operations in documented.items()
        for method, operation in operations.items()
    ]
    pages = {str(path) for route in app.routes if (path := getattr(route, "path", None))} - set(documented)
    lines += [f"- {page} - not documented" for page in pages]
    return _text(sorted(lines, key=lambda line: line.split()[1::-1]))


def _scope(operation: Mapping[str, Any]) -> str:
    return " ".join(scope for need in operation.get("security", ()) for scope in need["ApiKey"]) or "open"


def help_texts() -> str:
    """`--help` of `rapport`, every noun and every verb."""
    lines: list[str] = []
    command = get_command(command_line)  # made once: typer's own runner makes it anew for each call
    for words in _commands(command):
        said = io.StringIO()
        with patch.dict(os.environ, WIDTH), redirect_stdout(said):
            command.main([*words, "--help"], prog_name="rapport", standalone_mode=False)
        lines += [
            f"$ {' '.join(('rapport', *words, '--help'))}",
            *COLOURS.sub("", said.getvalue()).splitlines(),
        ]
    return _text(lines)


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, TyperGroup):
        for name, below in sorted(command.commands.items()):
            yield from _commands(below, (*words, name))


def settings() -> str:
    """Every setting: name in the environment, type, bounds, default, meaning. Paths are those in the
    checkout."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = f"<checkout>/{default.relative_to(CHECKOUT)}" if isinstance(default, Path) else repr(default)
        bounds = "".join(f" {bound}" for bound in field.metadata)
        lines += [
            f"{PREFIX}{name.upper()}: {annotation(field.annotation)} = {shown}{bounds}",
            f"    {field.description}",
        ]
    return _text(lines)


def metrics() -> str:
    """Every metric of Rapport's own: name, type, labels, help. Those that `prometheus_client` shows of a
    process depend on the system."""
    registry = CollectorRegistry()
    RequestMetrics(registry).request("GET", "/", 200, 0.1)
    with Appends(registry).measured("single", 1):
        pass
    meter = Meter()
    meter.add(1)
    registry.register(WorkerFigures(PROJECTIONS[0], meter))
    # Each figure is 1, since what is not known has no sample, and a metric without samples shows no labels.
    registry.register(ReadModels(lambda: [MagicMock(spec=Status)]))
    registry.register(relay.RelayFigures(str))
    with (
        patch.object(relay, "connect"),
        patch.object(relay, "reported", return_value=MagicMock(spec=RelayStatus)),
    ):
        found = sorted(registry.collect(), key=lambda metric: metric.name)
    return _text([line for metric in found for line in _described(metric)])


def _described(metric: Metric) -> list[str]:
    """Two lines: the names of its samples come with their labels, since these differ in a histogram."""
    samples: dict[str, dict[str, list[str]]] = {}
    for sample in metric.samples:
        if not sample.name.endswith("_created"):
            labels = samples.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, []).append(value)
    shown = [
        name + "".join(f" {label}{_values(label, values)}" for label, values in sorted(labels.items()))
        for name, labels in samples.items()
    ]
    return [
        f"{metric.name} {metric.type}",
        *(f"    {line}" for line in shown),
        f"    {metric.documentation}",
    ]


def _values(label: str, values: list[str]) -> str:
    return f"={','.join(values)}" if label in LISTED else ""


def _text(lines: list[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "events.txt": lambda: _text(events()),
    "help.txt": help_texts,
    "metrics.txt": metrics,
    "openapi.json": openapi,
    "routes.txt": routes,
    "settings.txt": settings,
}
