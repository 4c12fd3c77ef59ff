"""`make clean`: removes what `rapport up`, the demo and the tests left in the state folder.

Fetched programs stay (Apache Kafka's jars, with their classes as the tests' Java keeps them; the tests'
PostgreSQL 15): they hold no data, each start checks them, and fetching them takes half a minute.
"""

import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from deploy.local.errors import LocalServiceError
from deploy.local.state import StateFolder
from deploy.settings import Settings, load


def clean(settings: Settings) -> str:
    """Remove it, and say in a sentence what was removed.

    Raises:
        LocalServiceError: Rapport or a test session runs on the folder.
    """
    state = StateFolder(settings.home)
    if not state.root.exists():
        return f"Nothing to remove: there is no folder {state.root}."
    with state.locked():
        refuse_while_tests_run(state.root)
        keys_belong_elsewhere = not uses_embedded(settings, state.postgres / "port")
        for folder in (state.postgres, state.kafka, state.log, *state.root.glob("test-*")):
            shutil.rmtree(folder)
        if keys_belong_elsewhere:
            return (
                f"Removed data and logs in {state.root}. The keys in {settings.secrets} stay: they open data "
                "in the PostgreSQL server that the settings name."
            )
        shutil.rmtree(state.secrets)
        settings.env_file.unlink(missing_ok=True)
    return f"Removed data, logs and secrets in {state.root}."


def refuse_while_tests_run(root: Path) -> None:
    """Raise when the folder of a living test session would be removed."""
    for folder in root.glob("test-*"):
        pid = folder.name.removeprefix("test-")
        if pid.isdigit() and psutil.pid_exists(int(pid)):
            raise LocalServiceError(
                f"Tests run on {folder}, as process {pid}. Wait for their end, or stop them, and try again."
            )


def uses_embedded(settings: Settings, port_file: Path) -> bool:
    """Whether the settings name no PostgreSQL but the one started here."""
    named = {urlsplit(url).port for url in (settings.admin_url, settings.store_url, settings.keys_url) if url}
    embedded = port_file.read_text().strip() if port_file.exists() else ""
    return all(str(port) == embedded for port in named)


def main() -> int:
    """Exit code 0, or 2 with the reason on standard error."""
    try:
        sys.stdout.write(clean(load()) + "\n")
    except LocalServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
