"""A rebuild: fills a candidate from the store or the topics, hands it over, and verifies it.

- `rebuild`: begin, pause, resume, abort; `run` and `fill`: the processes that fill it
- `source`: the store's events by party; `spill_file`: events read once and kept by slice
- `source_offsets`: where the sources end; `index`: keys and indexes
- `verify` and `compare`: its rows beside an independent fold
"""
