"""What can be done: commands, and one handler each that loads, decides and records.

`bus.py` executes a command; `context.py` is who commands and when; one module per aggregate holds its
commands and handlers (`opportunity.py`, `customer.py`, `principal.py`, `product.py`), with what they share in
`decision.py` and `lookups.py`; `bulk.py` records imported histories through the same handlers. `store/` is
the event store, `privacy/` keys and ciphers, `imports/` the imports of files, `access.py` the API keys.
"""
