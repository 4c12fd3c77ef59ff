"""What a CRM is: aggregates, lifecycle tables, values, errors. No I/O, no clock, no randomness.

One module per aggregate: its events (payloads), its state, `evolve` (event into state) and `decide` functions
(state and arguments into events). `events/` holds the formats: envelope, registry, upcasters, ids, seals.
"""
