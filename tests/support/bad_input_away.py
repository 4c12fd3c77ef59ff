"""Commands while the broker or the database is away, or the database is a newer program's."""

from __future__ import annotations

from collections.abc import Callable

from deploy.local.ports import free_port
from tests.support.bad_input import Answer, World


def broker_away(*words: str) -> Callable[[World], Answer]:
    def act(here: World) -> Answer:
        return here.cli(*words, RAPPORT_KAFKA_BOOTSTRAP=f"127.0.0.1:{free_port()}")

    return act


def database_away(*words: str) -> Callable[[World], Answer]:
    def act(here: World) -> Answer:
        nobody = f"postgresql://rapport_app:x@127.0.0.1:{free_port()}/rapport"
        return here.cli(*words, RAPPORT_STORE_URL=nobody, RAPPORT_READ_URL=nobody)

    return act


def newer_database(*words: str) -> Callable[[World], Answer]:
    def act(here: World) -> Answer:
        version = here.ask("SELECT version_num FROM store.schema_version")
        here.ask("UPDATE store.schema_version SET version_num = '9999'")
        try:
            # What stays up sets signal handlers and logs: not for the process of the tests.
            answer = here.process(*words) if words[-1] in {"api", "run"} else here.cli(*words)
            assert here.ask("SELECT version_num FROM store.schema_version") == "9999"
            return answer
        finally:
            here.ask(f"UPDATE store.schema_version SET version_num = '{version}'")

    return act
