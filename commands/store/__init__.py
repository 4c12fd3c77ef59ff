"""The event store on PostgreSQL: appending, reading in order, claims, idempotency, seals, migrations.

- `application`: `Crm`, what commands use. `recorder`, `bulk`, `mapper`: the library's seams behind it.
- `claims`, `idempotency`, `conflicts`: unique keys, and the errors for duplicates. `purge`: removes expired
  idempotency keys.
- `contact_index`: whom an address may belong to, found by its HMAC alone.
- `privacy_events`: erasures, holds and retentions, by an index of their own.
- `high_water_mark`, `event_reader`, `subscription`: reading without missing an event that commits late.
- `seals`: the chain of seals. `settings`: what is fixed for a store.
- `schema`, `migrate`, `roles`, `migrations/`: the objects, who may do what with them.
- `pool`, `driver_errors`: connections, and the driver's errors.
"""
