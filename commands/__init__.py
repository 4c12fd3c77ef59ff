"""What can be done: commands, and one handler each that loads, decides and records.

`bus.py` executes a command; `context.py` is who commands and when. One module per aggregate holds its
commands and handlers (`opportunity.py`, `customer.py`, `contact.py`, `lead.py`, `case.py`, `interaction.py`,
`principal.py`, `product.py`; `conversion.py` for a lead's, which touches four records), with what they
share in `decision.py`, `lookups.py` and `identifiers.py` (what is derived by a key: ids of interactions,
digests, the blind index). `bulk.py` records many at once through the same handlers, for imports and requests;
`bulk_items.py` is what it is given and answers, `bulk_world.py` what its handlers read.
`store/` is the event store, `privacy/` keys and ciphers, `imports/` the imports of files, `access.py` the API
keys. `recording.py` records what operators did, each act as an event, `readmodel.py` what they did to read
models; `repeating.py` is for what a process does again and again.
"""
