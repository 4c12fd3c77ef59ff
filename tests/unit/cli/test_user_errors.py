"""Every error that is meant for users has its exit code by its base class, and says so in its docstring."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest

import api
import commands
import consumers
import deploy
import domain
import projections
from commands.audit.export import SealDiffers
from commands.audit.export_reader import NoExport
from commands.audit.kept_seal import KeptSealProblem
from commands.audit.prove import NotProvable
from commands.imports.kit.report import ImportRefused
from commands.privacy.kek import KekProblem
from commands.privacy.rotation import RotationRefused
from commands.store.pool import PoolBusy
from commands.store.schema import SchemaProblem
from consumers.kafka.failures import BrokerFailure
from consumers.kafka.read_all import TopicsUnread
from consumers.kafka.reader import BrokerAway
from consumers.kafka.topics import WrongTopics
from consumers.rebuild.rebuild import RebuildRefused, RebuildStopped
from consumers.relay.agreement import Disagreement
from consumers.relay.relay import RelayStopped
from consumers.relay.seals import ChangedAfterSealing
from consumers.relay.topic_survey import RepublishRefused
from consumers.worker.retry import RetryFailed
from consumers.worker.worker import WorkerStopped
from deploy.bench.alone import BenchFailed
from deploy.cli.errors import explain
from deploy.cli.output import Exit
from deploy.local.errors import LocalServiceError
from deploy.metrics.serving import MetricsPortProblem
from deploy.secrets import SecretsProblem
from deploy.serve import PortProblem
from deploy.settings import SettingsProblem
from deploy.up import NotVisible
from deploy.webhook import WebhookProblem
from domain.kernel.errors import DomainError
from domain.kernel.user_errors import EnvironmentProblem, FailureFound, UserError
from projections.control.migrating import ReadSideProblem
from projections.release.lock_retry import SwapRefused
from projections.release.schema import WrongShares
from projections.release.views import ViewsDiffer
from projections.runtime.decode import KeyStoreAway

EXIT_CODES: Final[dict[type[UserError], Exit]] = {
    BrokerAway: Exit.ENVIRONMENT,
    BrokerFailure: Exit.ENVIRONMENT,
    ImportRefused: Exit.ENVIRONMENT,
    KekProblem: Exit.ENVIRONMENT,
    KeptSealProblem: Exit.ENVIRONMENT,
    KeyStoreAway: Exit.ENVIRONMENT,
    LocalServiceError: Exit.ENVIRONMENT,
    MetricsPortProblem: Exit.ENVIRONMENT,
    NoExport: Exit.ENVIRONMENT,
    PoolBusy: Exit.ENVIRONMENT,
    PortProblem: Exit.ENVIRONMENT,
    ReadSideProblem: Exit.ENVIRONMENT,
    RepublishRefused: Exit.ENVIRONMENT,
    SchemaProblem: Exit.ENVIRONMENT,
    SecretsProblem: Exit.ENVIRONMENT,
    SettingsProblem: Exit.ENVIRONMENT,
    WebhookProblem: Exit.ENVIRONMENT,
    WorkerStopped: Exit.ENVIRONMENT,
    WrongShares: Exit.ENVIRONMENT,
    WrongTopics: Exit.ENVIRONMENT,
    BenchFailed: Exit.FOUND,
    ChangedAfterSealing: Exit.FOUND,
    Disagreement: Exit.FOUND,
    DomainError: Exit.FOUND,
    NotProvable: Exit.FOUND,
    NotVisible: Exit.FOUND,
    RebuildRefused: Exit.FOUND,
    RebuildStopped: Exit.FOUND,
    RelayStopped: Exit.FOUND,
    RetryFailed: Exit.FOUND,
    RotationRefused: Exit.FOUND,
    SealDiffers: Exit.FOUND,
    SwapRefused: Exit.FOUND,
    TopicsUnread: Exit.FOUND,
    ViewsDiffer: Exit.FOUND,
}
"""Exit codes that scripts of operators rely on."""

PACKAGES: Final = (domain, commands, projections, consumers, api, deploy)
PROGRAMS: Final = ("env", "__main__")
"""Modules that act when they are imported."""


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.rpartition(".")[2] not in PROGRAMS:
                yield importlib.import_module(found.name)


def subclasses(kind: type[UserError]) -> set[type[UserError]]:
    direct = set(kind.__subclasses__())
    return direct.union(*(subclasses(each) for each in direct))


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_an_error_keeps_its_exit_code_and_its_text_is_shown_as_it_stands(kind: type[UserError]) -> None:
    error = kind.__new__(kind)
    error.args = ("The sentence.",)

    found = explain(error)

    assert found is not None
    assert found[0].fact == "The sentence."
    assert found[1] == EXIT_CODES[kind]


def test_every_error_for_users_says_what_it_means_and_what_kind_it_is() -> None:
    """Given all modules, then each of their errors for users has a docstring and one of the two bases."""
    assert len(list(modules())) > 300

    found = {kind for kind in subclasses(UserError) if not kind.__module__.startswith("tests.")}

    assert set(EXIT_CODES) <= found
    assert not [kind for kind in found if not kind.__dict__.get("__doc__")], "write a docstring"
    assert not [
        kind for kind in found if issubclass(kind, FailureFound) == issubclass(kind, EnvironmentProblem)
    ], "derive it from one of the two"
