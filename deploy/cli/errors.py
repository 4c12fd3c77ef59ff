"""From an exception to what the user reads: one pure table. No stack trace reaches a user."""

from __future__ import annotations

import psycopg2

from deploy.cli.output import Exit
from deploy.findings import Diagnostic
from deploy.local.errors import LocalServiceError
from deploy.secrets import SecretsProblem
from deploy.settings import SettingsProblem
from domain.errors import DomainError


def explain(error: BaseException) -> tuple[Diagnostic, Exit] | None:
    """What to say about a foreseen error, and the exit code; None for one that nobody foresaw."""
    match error:
        case DomainError():
            return Diagnostic(fact=str(error)), Exit.FOUND
        case SettingsProblem() | SecretsProblem() | LocalServiceError():
            return Diagnostic(fact=str(error)), Exit.ENVIRONMENT
        case psycopg2.OperationalError():
            return postgres_away(error), Exit.ENVIRONMENT
        case OSError():
            return Diagnostic(fact=_os_sentence(error)), Exit.ENVIRONMENT
        case _:
            return None


def postgres_away(error: BaseException) -> Diagnostic:
    """What to say when PostgreSQL doesn't answer; the driver's own words as the cause, on one line."""
    cause = " ".join(str(error).split()) or type(error).__name__
    return Diagnostic(
        fact="PostgreSQL can't be reached.",
        cause=f"It was tried: {cause}.".replace("..", "."),
        act="Start it (`rapport up` starts one on this machine), or correct the RAPPORT_..._URL settings.",
    )


def _os_sentence(error: OSError) -> str:
    place = f" {error.filename}" if error.filename else ""
    reason = error.strerror or str(error) or type(error).__name__
    act = "Check the path, its permissions and the space left, then repeat."
    return f"The system refused{place}: {reason}. {act}"
