"""The folds of version 1, by their subject.

`customers.py` folds customers and persons, `contacts.py` contacts and consents, `work.py` opportunities,
cases and interactions, `entries.py` the timeline, with its titles in `titles.py`. `rows.py` has their shared
code.
"""
