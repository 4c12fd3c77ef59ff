"""Personal data: keys per person and retention month, the key that wraps them, the ciphers of private fields.

- `kek`: key-encryption keys, which never touch a database; `vault`: one that a service keeps; `keyring`:
  several at once; `rotation`: another one for all keys.
- `keys`: the table of keys and tombstones; `tombstones`: many destroyed at once.
- `retention`: closes texts that were kept long enough.
- `person`: who is the same person; `erasure`: erases them; `enforcement`: keeps them erased; `holds`: legal
holds.
- `certificates`, `certificate`: prove the erasure; `person_export`: all data of a person; `reads`: who saw
it.
- `cipher`: the formats `a1.` and `t1.` of `domain/events/private.py`.
- `migrations/`: the key store's schema, in the event store's database or one of its own.
"""
