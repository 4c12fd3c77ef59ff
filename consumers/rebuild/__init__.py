"""A rebuild: fills a candidate from the store or the topics, hands it over, and verifies it.

- `rebuild`: begins it; `run` and `fill`: the processes that fill it; `operate`: pause, resume, abort
- `source`: the store's events by party; `spill_file`: events read once and kept by slice
- `source_offsets`: where the sources end; `index`: keys and indexes
- `verify`: compares its rows with an independent fold; `verify_shares`: the shares meanwhile; `compare`: the
  comparison
"""
