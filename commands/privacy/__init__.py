"""Personal data: keys per person and retention month, the key that wraps them, the ciphers of private fields.

- `kek`: key-encryption keys, which never touch a database; `vault`: one that a service keeps; `ring`: several
  at once; `rotating`: another one for all keys.
- `keys`: the table of keys and tombstones; `tombstones`: many destroyed at once.
- `retention`: texts that were kept long enough are closed.
- `person`: who is the same one; `erasing`: forgotten for ever; `applied`: and stays so; `holds`: not yet.
- `certifying`, `certificate`: that nothing is left; `person_export`: all that is known; `reads`: who saw it.
- `cipher`: the formats `a1.` and `t1.` of `domain/events/private.py`.
- `migrations/`: the key store's schema, in the event store's database or one of its own.
"""
