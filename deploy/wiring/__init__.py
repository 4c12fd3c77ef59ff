"""The composition root: every object is built here, from the settings alone.

`wiring` has what a process opens and shares: settings, secrets, the store with its commands, connections.
Upon it build `processes` (relay, workers, repair, rebuilding), `http_api`, `measures` (for Prometheus),
`persons` (what erases, and finds out who is who) and `imports`.
"""
