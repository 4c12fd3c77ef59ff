"""The permanent formats: envelope, type registry, upcasters, private data's shape, ids, seals.

Pure functions turn bytes into objects and back. `tests/unit/frozen/` has frozen examples of all formats.
"""
