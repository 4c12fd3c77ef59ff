"""The read side: read models as folds over events, and what controls them.

`projection.py` says what a read model is, `registry.py` lists them all, `<name>/v<n>/` holds one version of
one model: its tables (`schema.sql`), its public views (`views.sql`), its fold (`fold.py`, pure) and its
queries (`queries.py`). `decode.py`, `folding.py`, `apply.py` and `tables.py` are the runtime around a fold,
`replay.py` the fold alone, in memory. `filling.py` and `bare.py` fill a version's tables from nothing,
`views.py` and `swapping.py` say which version is public. `control/` has the shares, parked events, versions,
rebuilds and the status. Nothing here speaks to Kafka: that is `consumers/`.

To add a read model: add its folder and one line in `registry.py`. To change one: add the folder of the next
version and its line, run `rapport migrate`, then `rapport projection rebuild`, `verify` and `swap`.
"""
