"""What a CRM is: aggregates, lifecycle tables, values, errors. No I/O, no clock, no randomness.

One module per aggregate: its events (payloads), its state, `evolve` (event into state) and `decide` functions
(state and arguments into events; in `<aggregate>_moves.py` where they would make the module long). `events/`
holds the formats: envelope, registry, upcasters, ids, seals. `cut.py`: looking back to a time.
"""
