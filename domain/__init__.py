"""What a CRM is: aggregates, lifecycle tables, values, errors. No I/O, no clock, no randomness.

One folder per aggregate: its events (payloads), its state, `evolve` (event into state) and `decide` functions
(state and command into events). `events/`
holds the formats: envelope, registry, upcasters, ids, seals. `kernel/as_of.py` looks back to a time.
"""
