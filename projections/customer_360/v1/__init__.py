"""Version 1: tables, views, folds and queries.

`projection.py` lists the tables; `fold/` has their folds. `queries.py` has the queries for one customer
(`history.py` as of a time), `search.py` finds customers.
"""
