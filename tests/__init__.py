"""The tests. They read as sentences; services are started by `conftest.py` at their first use.

- `unit/`: no service and no clock; decisions and folds by example, formats by examples (`unit/frozen/`)
- `laws/`: what holds for any history (hypothesis), on memory and on PostgreSQL
- `contract/`: what the event sourcing library asks of a recorder, and what a reader of the store is promised
- `integration/`: commands, reads, imports, the command line on real PostgreSQL and Apache Kafka
- `faults/`: what is killed, cut off or stopped in the middle, and that nothing is lost by it
- `support/`: what several tests share

`unit/`, `integration/` and `faults/` have a folder for each area and each part of the program.
"""
