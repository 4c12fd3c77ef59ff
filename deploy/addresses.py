"""Database addresses by role: a given one is used as it is, a missing one is made from the
administrator's."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import unquote, urlsplit

from commands.store.roles import OWNER, role_url
from deploy.secrets import Secrets
from deploy.settings import Settings

ROLES: Final = {
    "store_url": "rapport_app",
    "relay_url": "rapport_relay",
    "worker_url": "rapport_worker",
    "read_url": "rapport_app",
    "reader_url": "rapport_reader",
}
"""Setting to the role it logs in as. `keys_url` is the store's where it is unset."""
READ_SIDE: Final = frozenset({"worker_url", "read_url", "reader_url"})
"""Those of the read side, which may have a database of its own."""


def complete(settings: Settings, keys: Secrets) -> Settings:
    """The settings with an URL for each role: in the administrator's database, the read side's in its own
    where it has one; passwords are kept in the secrets folder. Raises `SettingsProblem` where neither the URL
    nor the administrator's is set."""
    derived = {}
    for name, role in ROLES.items():
        if getattr(settings, name) is None:
            admin = (settings.read_admin_url if name in READ_SIDE else None) or settings.need("admin_url")
            password, _ = keys.keep(f"password-{role}", lambda: secrets.token_urlsafe(24))
            derived[name] = role_url(admin, role, password)
    return settings.model_copy(update=derived)


def passwords(settings: Settings, keys: Secrets) -> dict[str, str]:
    """The roles' passwords as the URLs have them, for the migration that makes the roles; and the password of
    the owner, as whom only the migration logs in."""
    found = {OWNER: keys.keep(f"password-{OWNER}", lambda: secrets.token_urlsafe(24))[0]}
    for name, role in ROLES.items():
        parts = urlsplit(settings.need(name))
        if parts.username == role and parts.password is not None:
            found[role] = unquote(parts.password)
    return found
