"""The settings: the only place that reads the environment.

Precedence: environment (`RAPPORT_<NAME>`), then `<home>/rapport.env`, which `rapport up` writes so that every
other command finds what it started, then the defaults below.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.kernel.user_errors import EnvironmentProblem

PREFIX: Final = "RAPPORT_"
CHECKOUT: Final = Path(__file__).resolve().parents[1]
ENV_FILE: Final = "rapport.env"


class SettingsProblem(EnvironmentProblem):
    """A setting is missing or wrong. The text says which one, why, and what to do."""


def _postgres_url(url: str) -> str:
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise ValueError("it must look like postgresql://user:password@host:5432/database")
    return url


PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]


class Settings(BaseSettings):
    """All settings, each with its meaning. Passwords in values are masked."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    home: Path = Field(
        CHECKOUT / ".rapport",
        description="Folder for what this machine keeps: embedded services, logs, secrets, rapport.env.",
    )
    secrets_folder: Path | None = Field(
        None, description="Folder of the key files (mode 0600). Unset: `secrets` in the home folder."
    )
    kek: str | None = Field(
        None,
        repr=False,
        description="Key-encryption key from the environment: 32 bytes as base64, more than one separated by "
        "commas. Unset: the file `kek` in the secrets folder, or the key management service below.",
    )
    vault_url: str | None = Field(
        None,
        description="Key management service (HashiCorp Vault or OpenBao, transit engine) that keeps the "
        "key-encryption key.",
    )
    vault_mount: str = Field("transit", description="Where its transit engine is mounted.")
    vault_key: str = Field("rapport", description="Name of the transit key, of the type aes256-gcm96.")
    vault_token_file: Path | None = Field(None, description="File of its token, read again for each request.")
    vault_ca_file: Path | None = Field(None, description="PEM file of the authority its TLS is checked by.")
    retention_file: Path = Field(
        CHECKOUT / "deploy" / "configuration" / "retention.toml",
        description="TOML file that says how long texts of a kind are kept (`rapport privacy retention`).",
    )
    pipelines_file: Path = Field(
        CHECKOUT / "deploy" / "configuration" / "pipelines.toml",
        description="TOML file of the pipelines and their stages.",
    )
    reasons_file: Path = Field(
        CHECKOUT / "deploy" / "configuration" / "reasons.toml",
        description="TOML file of the reasons for which a lead is disqualified or a case rejected (why an "
        "opportunity is lost, its pipeline says).",
    )

    admin_url: PostgresUrl | None = Field(
        None,
        repr=False,
        description="PostgreSQL as a superuser or owner of roles, for `rapport migrate`. `rapport up` starts "
        "a PostgreSQL of its own where this is unset.",
    )
    store_url: PostgresUrl | None = Field(
        None, repr=False, description="Event store as the role rapport_app (commands, API)."
    )
    keys_url: PostgresUrl | None = Field(
        None, repr=False, description="Database of the personal keys. Unset: the same as the event store."
    )
    keys_admin_url: PostgresUrl | None = Field(
        None, repr=False, description="As admin_url, for a key database of its own. Unset: the same."
    )
    read_admin_url: PostgresUrl | None = Field(
        None,
        repr=False,
        description="As admin_url, for a read side of its own. Unset: the same.",
    )
    relay_url: PostgresUrl | None = Field(
        None, repr=False, description="Event store as the role rapport_relay (direct connection, no pooler)."
    )
    worker_url: PostgresUrl | None = Field(
        None, repr=False, description="Read side as the role rapport_worker (projections)."
    )
    read_url: PostgresUrl | None = Field(
        None, repr=False, description="Read side as the role the API reads with (rapport_app)."
    )
    reader_url: PostgresUrl | None = Field(
        None, repr=False, description="Read side as the role rapport_reader: the public views in `read`."
    )

    kafka_bootstrap: str | None = Field(
        None,
        description="Kafka's address, host:port, more than one separated by commas. `rapport up` starts an "
        "Apache Kafka of its own where this is unset.",
    )
    kafka_jars: Path = Field(
        CHECKOUT / ".rapport" / "kafka-jars",
        description="Folder of Apache Kafka's jars, filled once by whatever starts a Kafka of its own.",
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka's security protocol."
    )
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the authorities Kafka's TLS is checked by."
    )
    kafka_sasl_mechanism: str | None = Field(None, description="Kafka's SASL mechanism, as SCRAM-SHA-512.")
    kafka_username: str | None = Field(None, description="Kafka's SASL user.")
    kafka_password: str | None = Field(None, repr=False, description="Kafka's SASL password.")
    partitions: int = Field(
        6,
        ge=1,
        le=1000,
        description="Partitions of every family topic. Recorded in the store by the first `rapport migrate`; "
        "it can't be changed afterwards.",
    )

    api_host: str = Field("127.0.0.1", description="Address the HTTP API listens on.")
    api_port: int = Field(8700, ge=1, le=65535, description="Port the HTTP API listens on.")
    pool_size: int = Field(
        8, ge=1, le=200, description="Database connections the API holds at most, per pool."
    )
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=300,
        description="How long the API says it isn't ready, but still answers, before it stops. Give a load "
        "balancer the time to notice.",
    )
    audit_reads: Literal["off", "private"] = Field(
        "off",
        description="`private`: every HTTP answer that holds private values in clear is recorded before it "
        "goes out, with who reads, whose they are and what for (the header Purpose, then needed).",
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address on which relay and workers show their metrics."
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port on which a relay or worker shows its metrics for Prometheus (`/metrics`, without a "
        "key). Unset: none; the API shows read models and relay too. Several on one machine need a port "
        "each: `--metrics-port`; `rapport up` gives the relay this one and the workers those that follow.",
    )
    workers: int = Field(
        1, ge=1, le=64, description="Worker processes per read model that `rapport up` starts."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="What is logged at least (standard error, or `log` in the home folder under `up`).",
    )

    @property
    def secrets(self) -> Path:
        """The folder of the key files."""
        return self.secrets_folder or self.home / "secrets"

    @property
    def env_file(self) -> Path:
        """The file that `rapport up` leaves its addresses in."""
        return self.home / ENV_FILE

    def need(self, name: str) -> str:
        """The value of the setting `name`; raises `SettingsProblem` where it is unset."""
        value = getattr(self, name)
        if value is None and name == "keys_url":
            value = self.store_url
        if value is None:
            raise SettingsProblem(
                f"{PREFIX}{name.upper()} is not set, and {self.env_file} doesn't give it either. "
                "Start everything on this machine with `rapport up`, or set it (see `rapport settings`)."
            )
        return str(value)

    def shown(self) -> Iterator[tuple[str, str, str]]:
        """Name in the environment, value (passwords masked), meaning: one row for each setting."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            yield PREFIX + name.upper(), _masked(name, value), field.description or ""


def _masked(name: str, value: object) -> str:
    if value is None:
        return ""
    if name.endswith("password") or name == "kek":
        return "***"
    if name.endswith("_url"):
        parts = urlsplit(str(value))
        if parts.password is not None:
            place = parts.netloc.rpartition("@")[2]
            return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))
    return str(value)


def load(*, use_env_file: bool = True, **given: object) -> Settings:
    """The settings of this process; `given` wins over everything. Raises `SettingsProblem`.

    `rapport up` leaves the file unread: it holds the addresses of what an earlier run started.
    """
    home = Path(str(given.get("home") or os.environ.get(PREFIX + "HOME") or CHECKOUT / ".rapport"))
    home = home.expanduser().absolute()
    env_file = home / ENV_FILE
    values: dict[str, Any] = {**given, "home": home}
    try:
        return Settings(_env_file=env_file if use_env_file else None, **values)  # type: ignore[call-arg]
    except ValidationError as error:
        wrong = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in wrong["loc"]).upper()
        raise SettingsProblem(
            f"The setting {name} is wrong: {wrong['msg']}. Correct it in the environment or in {env_file}."
        ) from None


def unknown() -> list[str]:
    """Variables of the environment that look like settings but are unknown: typing errors, most likely."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def write_env_file(settings: Settings) -> None:
    """Leaves what differs from the defaults in `<home>/rapport.env` (mode 0600), for the other commands."""
    lines = ["# Written by `rapport up`. The environment wins over this file."]
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        # A key that was kept off the disk is not written to it here.
        kept = name in ("home", "kek")
        if not kept and value is not None and value != type(settings).model_fields[name].default:
            quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"{PREFIX}{name.upper()}='{quoted}'")
    partial = settings.env_file.with_suffix(".new")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write("\n".join(lines) + "\n")
    partial.replace(settings.env_file)
