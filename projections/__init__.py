"""The read side: read models as folds over events, and what controls them.

- `<name>/v<n>/`: one version of a read model. `schema.sql` has its tables, `views.sql` its public views,
  `fold.py` (or `fold/`) its pure fold, `queries.py` its queries; `projection.py` puts them together.
- `registry.py`: every version that has a folder.
- `runtime/`: what a read model is (`projection.py`), and what runs a fold: decoding, folding, writing, bulk
  load. `runtime/replay.py` is the fold alone, in memory.
- `release/`: schemas, public views, and the swap of the active version.
- `control/`: shares, parked events, versions, rebuilds and the status.

Nothing here speaks to Kafka: that is `consumers/`. Folds import neither queries nor a database driver.

To add a read model: add its folder and one line in `registry.py`. To change one: add the folder of the next
version and its line, run `rapport migrate`, then `rapport projection rebuild`, `verify` and `swap`.
"""
