"""The event store on PostgreSQL: appending, reading in order, claims, idempotency, seals, migrations.

- `application`: `Crm`, what commands use. `recorder`, `bulk`, `mapper`: the library's seams behind it.
- `claims`, `idempotency`, `refusals`: what is unique, and what a user is told when it is taken. `purging`:
  keys whose day is over.
- `contact_index`: whom an address may belong to, found by its HMAC alone.
- `privacy_events`: who was erased and what is held, by an index of their own.
- `high_water_mark`, `event_reader`, `subscription`: reading without missing an event that commits late.
- `seals`: the chain of seals. `settings`: what is fixed for a store.
- `schema`, `migrate`, `roles`, `migrations/`: the objects, who may do what with them.
- `pool`, `faults`: connections, and the driver's errors.
"""
