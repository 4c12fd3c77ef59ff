"""The metrics for Prometheus. Names begin with `rapport_`; labels hold names, versions, routes and states of
this program alone, never ids or data of a person.

`read_models.py` and `relay.py` query the databases at each scrape, `store.py` measures appends and
`worker.py` one worker in their own process, `serving.py` serves them on a port of its own. The API's requests
are measured in `api/http/request_metrics.py`.
"""
