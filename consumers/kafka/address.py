"""Where Kafka is and how to connect to it, as plain values, and the arguments that all clients share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAddress:
    """A Kafka cluster: `bootstrap` is `host:port`, several separated by commas; the rest is TLS and SASL.

    `security` is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; `ca_file`, `certificate_file` and `key_file` are
    paths of PEM files.
    """

    bootstrap: str
    security: str = "PLAINTEXT"
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    sasl_mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def options(self, *, timeout: float = 10.0) -> dict[str, Any]:
        """Returns the arguments of every kafka-python client. `timeout` is for the first contact, in seconds.

        A client tries to connect again at least each second, so it finds a restarted broker at once.
        """
        return {
            "bootstrap_servers": [server.strip() for server in self.bootstrap.split(",") if server.strip()],
            "security_protocol": self.security,
            "ssl_cafile": self.ca_file,
            "ssl_certfile": self.certificate_file,
            "ssl_keyfile": self.key_file,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "bootstrap_timeout_ms": int(timeout * 1000),
            "reconnect_backoff_max_ms": 1000,
        }
