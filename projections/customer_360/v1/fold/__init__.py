"""The folds of version 1, by their subject.

`customers.py` folds customers and persons, `contacts.py` contacts and consents, `work.py` opportunities,
cases and interactions, `entries.py` the timeline, whose titles stand in `titles.py`. `rows.py` has what they
share.
"""
