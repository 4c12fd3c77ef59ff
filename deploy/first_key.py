"""The first API key of this machine, and the service accounts that keys act for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from commands.directory.api_keys import SCOPES
from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Commands
from domain.directory.principal.commands import RegisterPrincipal
from domain.events.event import SYSTEM
from domain.kernel.errors import AlreadyClaimed
from domain.kernel.values import Reference

if TYPE_CHECKING:
    from deploy.wiring.wiring import Wiring

FILE: Final = "api-key"
SOURCE: Final = "rapport-service-account"


def service_account(commands: Commands, name: str) -> UUID:
    """The id of the service account `name`, registered where it is new."""
    context = Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)
    command = RegisterPrincipal(
        kind="service_account", name=name, reference=Reference(source=SOURCE, external_id=name)
    )
    try:
        return commands.execute(command, context).id
    except AlreadyClaimed as known:
        return UUID(str(known.id))


def ensure_key(wired: Wiring) -> str:
    """The key in the secrets folder (mode 0600), which `rapport up` shows. Makes it where it is missing, or
    where the database does not know it."""
    if (wired.secrets.folder / FILE).exists():
        clear = wired.secrets.text(FILE)
        if wired.api_keys.find(clear) is not None:
            return clear
        (wired.secrets.folder / FILE).unlink()
    principal = service_account(wired.commands, "rapport up")
    _, clear = wired.api_keys.create(principal, "rapport up", SCOPES)
    return wired.secrets.keep(FILE, lambda: clear)[0]
