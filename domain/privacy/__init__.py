"""The rights of the person as records: erasures, exports, legal holds, retention, key rotations."""
