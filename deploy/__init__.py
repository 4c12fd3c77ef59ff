"""Rapport put together and run: settings, wiring, the command line, everything on one machine.

- `settings`: the one reader of the environment; `addresses`: database URLs by role; `secrets`: the key files;
  `key_encryption_keys`: the keys that wrap all others
- `wiring/`: the one builder of objects; `setup`: what `rapport migrate` brings an installation to
- `configuration/`: pipelines, reasons, retention, in files beside the settings
- `cli/`: the `rapport` command; `serve`: its HTTP server; `logs`: where processes log
- `up`: PostgreSQL, Kafka, relay, workers and API on this machine; `first_key`: the key it shows
- `health/`: what `rapport doctor`, readiness and status look at, and the shape of their findings
- `local/`: the services that pip brings; `demo/`: three real data sets and their figures; `bench/`:
  measurements; `metrics/`: what Prometheus reads
"""
