"""Builds the HTTP API."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deploy.wiring.wiring import Wiring

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.services import Services


def services(wired: Wiring, draining: threading.Event) -> Services:
    """What the API works with; `draining` is set when the process is about to stop."""
    from api.services import Services
    from deploy.health.readiness import lacking, not_ready, withheld

    return Services(
        commands=wired.commands,
        crm=wired.crm,
        claims=wired.claims,
        read_pool=wired.read_pool,
        erasing=wired.erasing,
        api_keys=wired.api_keys,
        pipelines=wired.pipelines,
        token_key=wired.secrets.read("token-key"),
        head=lambda: wired.crm.recorder.max_notification_id() or 0,
        ready=lambda: not_ready(wired),
        lacking=lambda: lacking(wired),
        withheld=lambda: withheld(wired),
        erasures_enforced=lambda: wired.applied.complete,
        draining=draining,
        measuring=wired.measuring,
        seal_public=wired.secrets.seal_public,
        audit_reads=wired.settings.audit_reads == "private",
    )


def app(wired: Wiring, draining: threading.Event) -> FastAPI:
    """The HTTP API."""
    from api.app import create_app  # the web framework is loaded by the one process that needs it

    return create_app(services(wired, draining))
