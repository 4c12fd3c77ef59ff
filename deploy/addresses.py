"""Database addresses by role: given ones stand, missing ones are made of the administrator's."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

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


def complete(settings: Settings, keys: Secrets) -> Settings:
    """The settings with an URL for each role: in the administrator's database, with a password kept in the
    secrets folder. Raises `SettingsProblem` where neither the URL nor the administrator's is set."""
    derived = {}
    for name, role in ROLES.items():
        if getattr(settings, name) is None:
            admin = settings.need("admin_url")
            password, _ = keys.keep(f"password-{role}", lambda: secrets.token_urlsafe(24))
            derived[name] = as_role(admin, role, password)
    return settings.model_copy(update=derived)


def passwords(settings: Settings) -> dict[str, str]:
    """The roles' passwords as the URLs have them, for the migration that makes the roles."""
    found = {}
    for name, role in ROLES.items():
        parts = urlsplit(settings.need(name))
        if parts.username == role and parts.password is not None:
            found[role] = unquote(parts.password)
    return found


def as_role(admin_url: str, role: str, password: str) -> str:
    """The administrator's URL with another user and password."""
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{place}"))
