"""Version 1: tables, views, folds and queries.

`fold.py` lists the tables; their folds stand in `customers.py` (customers and persons), `contacts.py`
(contacts, consents), `work.py` (opportunities, cases, interactions) and `entries.py` (the timeline, with
`titles.py`).
`queries.py` answers for one customer (`then.py` for one at a cut), `finding.py` finds customers.
"""
