"""Version 1: tables, views, folds and queries.

`projection.py` lists the tables; their folds stand in `fold/`. `queries.py` answers for one customer
(`history.py` at a cut), `search.py` finds customers.
"""
