"""From an exception to what the user reads, and the exit code. No stack trace reaches a user."""

from __future__ import annotations

from typing import Final

from deploy.cli.output import Exit
from deploy.health.findings import Diagnostic
from domain.kernel.user_errors import EnvironmentProblem, UserError

POSTGRES_AWAY: Final = frozenset(
    f"{module}.{name}"
    for module in ("psycopg2", "eventsourcing.persistence")  # the recorder translates the driver's errors
    for name in ("OperationalError", "InterfaceError")
)


def explain(error: BaseException) -> tuple[Diagnostic, Exit] | None:
    """The message about a foreseen error, and the exit code; None for an unforeseen one."""
    if isinstance(error, UserError):
        code = Exit.ENVIRONMENT if isinstance(error, EnvironmentProblem) else Exit.FOUND
        return Diagnostic(fact=str(error)), code
    # Libraries' errors go by name, so that a command that fails early does not load the libraries.
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__]
    if POSTGRES_AWAY.intersection(names):
        return postgres_away(error), Exit.ENVIRONMENT
    if "kafka.errors.KafkaError" in names:
        return kafka_away(error), Exit.ENVIRONMENT
    if isinstance(error, OSError):
        return Diagnostic(fact=_os_sentence(error)), Exit.ENVIRONMENT
    return None


def postgres_away(error: BaseException) -> Diagnostic:
    """The message when PostgreSQL doesn't answer; the cause quotes the driver, on one line."""
    return Diagnostic(
        fact="Rapport can't use PostgreSQL.",
        cause=f"The driver says: {_words(error)}",
        act="Start it (`rapport up` starts one on this machine), or correct the RAPPORT_..._URL settings.",
    )


def kafka_away(error: BaseException) -> Diagnostic:
    """The message when Kafka doesn't answer or refuses."""
    return Diagnostic(
        fact="Rapport can't use Kafka.",
        cause=f"The client says: {_words(error)}",
        act="Start it (`rapport up` starts one on this machine), or correct RAPPORT_KAFKA_BOOTSTRAP and the "
        "settings beside it.",
    )


def _words(error: BaseException) -> str:
    """The first line of the driver's text, as the end of a sentence."""
    text = (str(error).strip().splitlines() or [""])[0].strip()
    name = type(error).__name__
    return f"{text or name}".rstrip(".") + "."


def _os_sentence(error: OSError) -> str:
    place = f" {error.filename}" if error.filename else ""
    reason = error.strerror or str(error) or type(error).__name__
    act = "Check the path, its permissions and the space left, then repeat."
    return f"The system refused{place}: {reason}. {act}"
