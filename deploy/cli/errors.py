"""From an exception to what the user reads: one table. No stack trace reaches a user."""

from __future__ import annotations

import sys
from typing import Final

from deploy.cli.output import Exit
from deploy.health.findings import Diagnostic
from deploy.local.errors import LocalServiceError
from deploy.secrets import SecretsProblem
from deploy.settings import SettingsProblem
from domain.kernel.errors import DomainError

SENTENCES: Final = {
    "consumers.relay.relay.RelayStopped": Exit.FOUND,
    "consumers.relay.agreement.Disagreement": Exit.FOUND,
    "consumers.relay.seals.ChangedAfterSealing": Exit.FOUND,
    "consumers.relay.topic_survey.RepublishRefused": Exit.ENVIRONMENT,
    "consumers.worker.retry.RetryFailed": Exit.FOUND,
    "projections.runtime.decode.KeyStoreAway": Exit.ENVIRONMENT,
    "consumers.worker.worker.WorkerStopped": Exit.ENVIRONMENT,
    "consumers.kafka.topics.WrongTopics": Exit.ENVIRONMENT,
    "consumers.kafka.failures.BrokerFailure": Exit.ENVIRONMENT,
    "consumers.kafka.reader.BrokerAway": Exit.ENVIRONMENT,
    "commands.imports.report.ImportRefused": Exit.ENVIRONMENT,
    "deploy.bench.alone.BenchFailed": Exit.FOUND,
    "commands.privacy.kek.KekProblem": Exit.ENVIRONMENT,
    "commands.privacy.rotation.RotationRefused": Exit.FOUND,
    "consumers.kafka.read_all.TopicsUnread": Exit.FOUND,
    "commands.audit.kept_seal.KeptSealProblem": Exit.ENVIRONMENT,
    "commands.audit.export_reader.NoExport": Exit.ENVIRONMENT,
    "commands.audit.export.SealDiffers": Exit.FOUND,
    "commands.audit.prove.NotProvable": Exit.FOUND,
    "deploy.webhook.WebhookProblem": Exit.ENVIRONMENT,
    "commands.store.schema.SchemaProblem": Exit.ENVIRONMENT,
    "commands.store.pool.PoolBusy": Exit.ENVIRONMENT,
    "projections.release.schema.WrongShares": Exit.ENVIRONMENT,
    "projections.control.migrating.ReadSideProblem": Exit.ENVIRONMENT,
    "projections.release.views.ViewsDiffer": Exit.FOUND,
    "projections.release.lock_retry.SwapRefused": Exit.FOUND,
    "consumers.rebuild.rebuild.RebuildRefused": Exit.FOUND,
    "consumers.rebuild.rebuild.RebuildStopped": Exit.FOUND,
    "deploy.metrics.serving.MetricsPortProblem": Exit.ENVIRONMENT,
    "deploy.serve.PortProblem": Exit.ENVIRONMENT,
    "deploy.up.NotVisible": Exit.FOUND,
}
"""Errors whose text is a sentence for the user, by name: a command that fails early must not load the
database's and Kafka's libraries only to know their errors. A test checks that each name exists."""

POSTGRES_AWAY: Final = frozenset(
    f"{module}.{name}"
    for module in ("psycopg2", "eventsourcing.persistence")  # the recorder translates the driver's errors
    for name in ("OperationalError", "InterfaceError")
)


def explain(error: BaseException) -> tuple[Diagnostic, Exit] | None:
    """What to say about a foreseen error, and the exit code; None for one that nobody foresaw."""
    if isinstance(error, DomainError):
        return Diagnostic(fact=str(error)), Exit.FOUND
    if isinstance(error, SettingsProblem | SecretsProblem | LocalServiceError):
        return Diagnostic(fact=str(error)), Exit.ENVIRONMENT
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__]
    for name in names:
        if name in SENTENCES:
            return Diagnostic(fact=str(error)), SENTENCES[name]
    if POSTGRES_AWAY.intersection(names):
        return postgres_away(error), Exit.ENVIRONMENT
    if "kafka.errors.KafkaError" in names:
        return kafka_away(error), Exit.ENVIRONMENT
    if isinstance(error, OSError):
        return Diagnostic(fact=_os_sentence(error)), Exit.ENVIRONMENT
    return None


def postgres_away(error: BaseException) -> Diagnostic:
    """What to say when PostgreSQL doesn't answer; the driver's own words as the cause, on one line."""
    return Diagnostic(
        fact="PostgreSQL can't be used.",
        cause=f"It was tried: {_words(error)}",
        act="Start it (`rapport up` starts one on this machine), or correct the RAPPORT_..._URL settings.",
    )


def kafka_away(error: BaseException) -> Diagnostic:
    """What to say when Kafka doesn't answer or refuses."""
    return Diagnostic(
        fact="Kafka can't be used.",
        cause=f"It was tried: {_words(error)}",
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


def loaded(name: str) -> type[BaseException]:
    """The class of a name in `SENTENCES`, for the test of the table."""
    module, _, attribute = name.rpartition(".")
    __import__(module)
    found: type[BaseException] = getattr(sys.modules[module], attribute)
    assert issubclass(found, BaseException)
    return found
