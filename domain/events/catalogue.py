"""Every event type, from the record types: permanent name, payload class, schema version, upcasters.

A name never changes and is never used again. To change a payload's shape, add a new version, an upcaster
beside the record's `EVENTS`, and a frozen example (`make freeze`).
"""

from __future__ import annotations

from typing import Final

from domain.events.registry import Registry
from domain.record_types import RECORD_TYPES

CATALOGUE: Final = Registry([event for record_type in RECORD_TYPES for event in record_type.events])
