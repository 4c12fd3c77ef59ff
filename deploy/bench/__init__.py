"""`rapport bench`: our rates beside those of a reference, measured in one run on one machine.

`measure.py` interleaves rounds and makes the ratio, `services.py` starts PostgreSQL and Kafka for it,
`samples.py` makes the events, `alone.py` and `writers.py` run processes; `append.py`, `relay.py` and
`projection.py` are one measurement each, with the reference it is compared to.
"""
