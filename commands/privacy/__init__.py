"""Personal data: keys per person and retention month, the key that wraps them, the ciphers of private fields.

- `kek`: the key-encryption key, which never touches a database.
- `keys`: the table of keys and tombstones.
- `cipher`: the formats `a1.` and `t1.` of `domain/events/private.py`.
- `migrations/`: the key store's schema, in the event store's database or one of its own.
"""
