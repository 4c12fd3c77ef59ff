"""The formats that are for ever: envelope, type registry, upcasters, private data's shape, ids, seals.

Bytes to objects and back, pure. Frozen examples of all of them stand in `tests/unit/frozen/`.
"""
