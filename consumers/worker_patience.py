"""How long a worker waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a worker waits, in seconds: a share's lease; before a share that does not fit its seals is
    tried again; before records that do not come are a mismatch; between looks whether a broker lives."""

    lease: float = 8.0
    mismatch: float = 60.0
    standstill: float = 30.0
    broker: float = 5.0
