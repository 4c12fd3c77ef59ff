"""What a CRM is: aggregates, lifecycle tables, values, errors. No I/O, no clock, no randomness.

A folder per area, in it a folder per record, such as `sales/opportunity/`: its commands, its events
(payloads), its state with `evolve` (event into state), and `decide` (command and state into events).
`record_types.py` is the list of all records. `kernel/` is what every area uses; `kernel/as_of.py` looks back
to a time. `events/` holds the formats: envelope, registry, upcasters, ids, seals.
"""
