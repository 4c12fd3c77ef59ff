"""The read side: read models as folds over events, and their control.

- `<name>/v<n>/`: one version of a read model. `schema.sql` has its tables, `views.sql` its public views,
  `fold.py` (or `fold/`) its pure fold, `queries.py` its queries; `projection.py` puts them together.
- `<name>/questions.py`: the queries of a read model, the same for all its versions.
- `registry.py`: every version that has a folder. `record_families.py`: which families join which models.
- `runtime/`: the definition of a read model (`projection.py`), and the code that runs a fold: it decodes,
  folds, writes and bulk loads. `runtime/replay.py` is the fold alone, in memory.
- `release/`: schemas, public views, and the swap of the active version.
- `control/`: shares, parked events, versions, rebuilds and the status.

Nothing here uses Kafka; `consumers/` does. Folds import neither queries nor a database driver.

To add a read model: add its folder and one line in `registry.py`. To change one: add the folder of the next
version and its line, run `rapport migrate`, then `rapport projection rebuild`, `verify` and `swap`.
"""
