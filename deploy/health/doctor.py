"""What `rapport doctor` looks at: this machine, the databases, Kafka, and whether all agree.

Each check stands alone: if its service is away it says so, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Final

import httpx
import psycopg2

from commands.privacy.kek import KekProblem
from commands.store.pool import connect
from commands.store.schema import KEYS, STORE, SchemaProblem, check_version
from commands.store.seals import Seals
from commands.store.settings import store_settings
from consumers.kafka.failures import describe
from consumers.kafka.tail import last_committed_seal, tails
from consumers.kafka.topics import WrongTopics, missing_topics, topic
from consumers.relay.agreement import Disagreement, StoreSide, TopicSide, agree
from consumers.relay.status import relay_status
from deploy import key_encryption_keys as keks
from deploy.addresses import ROLES
from deploy.configuration.files import load_pipelines, load_reasons
from deploy.health.findings import Diagnostic
from deploy.health.machine_checks import Checkup, disk, environment, key_files, packages, python
from deploy.health.projection_health import postgres_away, projection_health
from deploy.health.store_checks import (
    incarnation,
    marks,
    newest_events,
    prepared_transactions,
    topics_ahead,
)
from deploy.secrets import Secrets, SecretsProblem
from deploy.settings import PREFIX, Settings, SettingsProblem
from deploy.wiring.wiring import kafka_address
from domain.events.catalogue import CATALOGUE
from domain.kernel.errors import Undecodable

TIMEOUT_SECONDS: Final = 4


class _Found(Exception):
    """Ends a check with what is wrong."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(str(diagnostic))
        self.diagnostic = diagnostic


def examine(settings: Settings) -> list[Checkup]:
    """All checks, in the order in which to act on them."""
    machine = [python(), packages(), environment(), disk(settings)]
    if settings.admin_url is None and settings.store_url is None and settings.kafka_bootstrap is None:
        nothing = Diagnostic(
            fact="Nothing was set up yet.",
            cause=f"No address of a database or of Kafka is set, nor does {settings.env_file} give one.",
            act="Start everything on this machine with `rapport up`; for services of your own see "
            "`rapport settings`, then run `rapport migrate`.",
        )
        return [*machine, Checkup(name="services", seen="", findings=(nothing,))]
    store = _checked("event store", _event_store, settings)
    kafka = _checked("kafka", _topics, settings)
    seals = _looked(_seals, settings) if store.ok and kafka.ok else _not_compared(store, kafka)
    inside = [incarnation, marks, newest_events, prepared_transactions] if store.ok else []
    return _once(
        [
            *machine,
            key_files(settings),
            _checked("pipelines", _pipelines, settings),
            _checked("reasons", _reasons, settings),
            store,
            _checked("keys", _keys, settings),
            _checked("roles", _roles, settings),
            *(_looked(check, settings) for check in inside),
            kafka,
            _relay(settings, TIMEOUT_SECONDS if kafka.ok else 1),
            seals,
            _read_models(settings),
            _checked("api", _api, settings),
        ]
    )


def _once(checks: list[Checkup]) -> list[Checkup]:
    """Drops repeated causes: one service that is away causes many findings, and only the first names it."""
    seen: set[str] = set()
    found = []
    for check in checks:
        new = tuple(one for one in check.findings if (one.cause or one.fact) not in seen)
        seen.update(one.cause or one.fact for one in check.findings)
        repeated = check.findings and not new
        found.append(
            Checkup(
                name=check.name,
                seen="as above" if repeated else check.seen,
                findings=new,
                wrong=not check.ok,
            )
        )
    return found


def _not_compared(store: Checkup, kafka: Checkup) -> Checkup:
    away = " and ".join(name for name, check in (("event store", store), ("kafka", kafka)) if not check.ok)
    return Checkup(name="seals", seen=f"not compared: see {away}", wrong=True)


def _checked(name: str, check: Callable[[Settings], str], settings: Settings) -> Checkup:
    """Runs a check that returns what it saw, or raises what is wrong."""
    try:
        return Checkup(name=name, seen=check(settings))
    except _Found as found:
        diagnostic = found.diagnostic
    except (
        SettingsProblem, SecretsProblem, SchemaProblem, KekProblem, WrongTopics, Disagreement, Undecodable,
    ) as error:  # fmt: skip
        diagnostic = Diagnostic(fact=str(error))
    except Exception as error:  # a service went away in the middle: the doctor must not fail for it
        diagnostic = Diagnostic(
            fact=f"The check of {name} did not end.",
            cause=f"The error is: {describe(error)}.",
            act="Repeat it.",
        )
    return Checkup(name=name, seen="", findings=(diagnostic,))


def _looked(check: Callable[[Settings], Checkup], settings: Settings) -> Checkup:
    """Runs a check of services that were up a moment ago and may be gone by now."""
    try:
        return check(settings)
    except (SecretsProblem, Undecodable) as error:
        found = Diagnostic(fact=str(error))
    except Exception as error:  # the doctor must not fail for it
        found = _unfinished(error)
    return Checkup(name=check.__name__.strip("_").replace("_", " "), seen="", findings=(found,))


def _unfinished(error: Exception) -> Diagnostic:
    return Diagnostic(
        fact="This check did not end.", cause=f"The error is: {describe(error)}.", act="Repeat it."
    )


def _pipelines(settings: Settings) -> str:
    return ", ".join(load_pipelines(settings))


def _reasons(settings: Settings) -> str:
    found = load_reasons(settings)
    leads, cases = len(found.lead_disqualified), len(found.case_rejected)
    return f"{leads} for a disqualified lead, {cases} for a rejected case"


def _event_store(settings: Settings) -> str:
    url = settings.need("store_url")
    try:
        check_version(url)
        fixed = store_settings(url)
    except psycopg2.Error as error:
        raise _Found(postgres_away("event store", "store_url", error)) from None
    if fixed.partitions != settings.partitions:
        raise _Found(
            Diagnostic(
                fact=f"The store was made with {fixed.partitions} partitions, the setting says "
                f"{settings.partitions}.",
                cause="The number decides where each party's events lie and can't change.",
                act=f"Set {PREFIX}PARTITIONS={fixed.partitions}.",
            )
        )
    return f"version {STORE.newest}, store {fixed.store_id}, {fixed.partitions} partitions"


def _keys(settings: Settings) -> str:
    try:
        check_version(settings.need("keys_url"), KEYS)
    except psycopg2.Error as error:
        raise _Found(postgres_away("key store", "keys_url", error)) from None
    kek = keks.current(settings, Secrets(settings.secrets))
    return f"version {KEYS.newest}, " + (f"wrapped by {kek}" if kek else "empty")


def _roles(settings: Settings) -> str:
    for name in ROLES:
        try:
            connect(settings.need(name), connect_timeout=TIMEOUT_SECONDS).close()
        except psycopg2.OperationalError as error:
            raise _Found(postgres_away(f"role {ROLES[name]}", name, error)) from None
    return ", ".join(sorted(set(ROLES.values())))


def _topics(settings: Settings) -> str:
    address = kafka_address(settings)
    try:
        missing = missing_topics(address, CATALOGUE.families, settings.partitions, timeout=TIMEOUT_SECONDS)
    except WrongTopics:
        raise
    except Exception as error:  # whatever the client raises: the doctor must not fail for it
        raise _Found(
            Diagnostic(
                fact=f"Kafka at {address.bootstrap} doesn't answer.",
                cause=f"The client says: {describe(error).rstrip('.')}.",
                act="Start it (`rapport up` on this machine), or correct RAPPORT_KAFKA_BOOTSTRAP. "
                "While the store and the API run, commands are recorded and sealed; read models stand still.",
            )
        ) from None
    if missing:
        raise _Found(
            Diagnostic(
                fact=f"The topics {', '.join(missing)} are missing.",
                cause="They were never made on this broker, or deleted.",
                act="Run `rapport migrate` where nothing was published yet; else restore them from the store "
                "with `rapport relay republish`.",
            )
        )
    return f"{address.bootstrap}, {len(CATALOGUE.families) + 1} topics"


def _relay(settings: Settings, timeout: float) -> Checkup:
    try:
        seen = relay_status(settings.need("relay_url"), kafka_address(settings), timeout=timeout)
    except SettingsProblem as problem:
        return Checkup(name="relay", seen="", findings=(Diagnostic(fact=str(problem)),))
    behind = "all" if seen.lag_events == 0 else f"all but {seen.lag_events or '?'}"
    said = f"{seen.state}, {behind} of the store's events are published"
    if seen.head is None:
        return Checkup(name="relay", seen="not known while the event store is away", wrong=True)
    # A broker that is away is the finding of the check before this one.
    findings = tuple(Diagnostic(fact=one) for one in seen.findings if "does not answer" not in one)
    return Checkup(name="relay", seen=said, findings=findings, wrong=not seen.ok)


def _seals(settings: Settings) -> Checkup:
    """The head of the chain in the store against the head in the topic, and the topics' ends."""
    key = Secrets(settings.secrets).seal_public()
    address = kafka_address(settings)
    url = settings.need("relay_url")
    last = last_committed_seal(address, timeout=TIMEOUT_SECONDS)
    ends = tails(address, [topic(family) for family in CATALOGUE.families], timeout=TIMEOUT_SECONDS)
    # Read afterwards: what is published was in the store before.
    with closing(Seals(url)) as seals:
        newest = seals.last()
        same = seals.by_sequence(last.sequence) if last is not None else None
    store = StoreSide(id=store_settings(url).store_id, last=newest, same=same, noted=0)
    findings = topics_ahead(settings, ends)
    try:
        agree(store, TopicSide(last=last, tails=ends, emptied=()), key)
    except Disagreement as disagreement:
        findings.insert(0, Diagnostic(fact=str(disagreement)))
    if last is None and not findings:
        return Checkup(name="seals", seen="none yet")
    in_topic, in_store = last.sequence if last else 0, newest.sequence if newest else 0
    said = f"{in_topic} in the topic, {in_store} in the store" + ("" if findings else ", one chain")
    return Checkup(name="seals", seen=said, findings=tuple(findings))


def _read_models(settings: Settings) -> Checkup:
    try:
        seen = projection_health(settings)
    except SettingsProblem as problem:
        return Checkup(name="read models", seen="", findings=(Diagnostic(fact=str(problem)),))
    said = ", ".join(
        f"{row.projection} v{row.version} {row.state} at {row.position:,}"
        + (f" with {row.parked:,} parked events" if row.parked else "")
        for row in seen.rows
    )
    return Checkup(name="read models", seen=said, findings=seen.findings)


def _api(settings: Settings) -> str:
    url = f"http://{settings.api_host}:{settings.api_port}"
    try:
        answer = httpx.get(f"{url}/readyz", timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise _Found(
            Diagnostic(
                fact=f"No API answers at {url}.",
                cause=f"The request failed: {type(error).__name__}.",
                act="Start it with `rapport api` or `rapport up`.",
            )
        ) from None
    if answer.status_code != httpx.codes.OK:
        raise _Found(
            Diagnostic(
                fact=f"The API at {url} is not ready ({answer.status_code}).",
                cause=_why(answer),
                act="See the findings above and its log.",
            )
        )
    if lacking := answer.json().get("lacking"):
        raise _Found(
            Diagnostic(
                fact=f"The API at {url} does not have {', '.join(lacking)}, which is active: requests that "
                "need it get 503.",
                cause="It was started from an older release.",
                act="Restart it from the release that was swapped to, or `rapport projection rollback` until "
                "that is done.",
            )
        )
    return f"ready at {url}"


def _why(answer: httpx.Response) -> str:
    """The detail of a problem; the response's text where it is another kind of body."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]
