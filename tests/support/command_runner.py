"""A `rapport` command in a process of the nursery: what it needs is imported before there is one.

Told as JSON: `words` of the command line, `variables`, the whole environment of the process.
"""

from __future__ import annotations

import json
import os
import sys

import commands.imports.cdnow_file.histories
import commands.imports.incidents_log.histories
import commands.imports.maven_files.histories
import deploy.metrics.store
import deploy.wiring.imports
from deploy.cli import import_, progress
from deploy.cli.main import main as rapport

__all__ = ["commands", "deploy", "import_", "main", "progress"]


def main() -> None:
    """Runs the command."""
    told = json.loads(sys.argv[1])
    os.environ.clear()
    os.environ.update(told["variables"])
    sys.argv = ["rapport", *told["words"]]
    rapport()
