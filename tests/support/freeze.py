"""Everything that is generated when a record, a command, a read model or the command line changes.

    make freeze

writes, in this order:

- `tests/unit/frozen/events/`: an example of each new event type and version. One that is there is never
  written again: a payload that changed needs a new version
- `tests/unit/frozen/histories/`: a history in which they happen, made by running commands
- `projections/<name>/v<n>/fingerprint.json`: what of these a read model's fingerprint lacks
- `tests/unit/frozen/surface/`: the public surface

Run again, it changes nothing. It names each file that it writes, and what it refused with what to do.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from deploy.settings import CHECKOUT
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import encode
from domain.events.registry import EventType
from tests.support import fingerprints, frozen_histories, surface, surface_schema
from tests.support.memory import OpenCipher
from tests.support.payloads import example, example_event

EVENTS: Final = frozen_histories.FROZEN / "events"


def example_of(kind: EventType) -> bytes:
    """The newest version's example: an event with every field."""
    return encode(example_event(example(kind.payload)), CATALOGUE, OpenCipher()) + b"\n"


def examples() -> tuple[list[Path], list[str]]:
    """Writes the examples that are not there. The files, and the sentences of those that no longer fit."""
    written, refused = [], []
    for kind in CATALOGUE.types:
        file = EVENTS / f"{kind.name}.{kind.version}.json"
        if not file.exists():
            file.write_bytes(example_of(kind))
            written.append(file)
        elif file.read_bytes().strip() != example_of(kind).strip():
            refused.append(
                f"The payload of {kind.name} differs from {file.relative_to(CHECKOUT)}, and its version "
                f"is still {kind.version}. Give it version {kind.version + 1} in EVENTS, with an upcaster "
                f"from version {kind.version}; or undo the change."
            )
    return written, refused


def main() -> None:
    """Writes all of it. Exits with 1 and the reasons where something was refused."""
    written, refused = examples()
    if not refused:
        written += frozen_histories.add()
        changed, refused = fingerprints.add_all()
        written += changed
        written += surface.write(surface.surface() | surface_schema.started())
    for file in written:
        sys.stdout.write(f"Wrote {file.relative_to(CHECKOUT)}.\n")
    if not written and not refused:
        sys.stdout.write("Everything is written already.\n")
    sys.exit("\n".join(refused) or None)


if __name__ == "__main__":
    main()
