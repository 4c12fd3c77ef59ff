"""Audits of the event store: was anything changed, and what happened when.

- `verify`: every seal computed again (`recompute`), with the first event that differs
  (`locate`, `diagnose`, `messages`), the chain of seals compared with what others have of it (`chain`).
- `kept_seal`: seals kept outside the installation. `prove`: the proof that a seal covers an event.
- `history`, `replay`, `timeline`: what happened to a record. `export`, `export_reader`: as a file, and read
again.
"""
