"""What an auditor asks of the event store: was anything changed, and what happened when.

- `verify`: every seal computed again (`recompute`), the first event that is not what was sealed named
  (`locate`, `diagnose`, `messages`), the chain of seals compared with what others have of it (`chain`).
- `keep`: seals kept outside the installation. `prove`: that one event is under a seal.
- `history`, `replaying`, `timeline`: what happened to a record. `exporting`, `opening`: taken elsewhere.
"""
