"""`rapport bench`: our rates beside those of a reference, measured in one run on one machine.

`benchmarks.py` is the table of what can be measured: a module each, with what it is compared with.
`measure.py` interleaves rounds and makes the ratio, `findings.py` makes tables of ratios, times and goals,
`services.py` starts PostgreSQL and Kafka for it, `samples.py` makes the events, `alone.py` and `writers.py`
run processes.
"""
