"""What the module of an import declares, and the imports there are.

The command line reads the declarations when it starts: they load neither commands nor the database's driver.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import commands.imports

if TYPE_CHECKING:
    from commands.imports.kit.run import ImportRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import of a file or a folder; `rapport import` has a verb for it, with the name of its module.

    `help` is the verb's help line, `path_help` that of its argument. With `config_help` the verb has the
    option `--config`; the run has the file that it names. `run` records what lies at the path. It raises
    `ImportRefused` before it records anything, and the store's errors: then what is recorded stays, and the
    same import goes on from there.
    """

    help: str
    reads: Literal["file", "folder"]
    path_help: str
    config_help: str | None = None
    run: Callable[[ImportRun, Path], None]


def imports() -> dict[str, Import]:
    """The `IMPORT` of every module in `commands/imports/`, by the module's name; those of folders first."""
    found: dict[str, Import] = {}
    for module in pkgutil.iter_modules(commands.imports.__path__, f"{commands.imports.__name__}."):
        if not module.ispkg:
            declared: Import = importlib.import_module(module.name).IMPORT
            found[module.name.rpartition(".")[2].replace("_", "-")] = declared
    return dict(sorted(found.items(), key=lambda each: (each[1].reads == "file", each[0])))
