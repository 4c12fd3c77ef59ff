"""Rapport put together and run: settings, wiring, the command line, everything on one machine.

- `settings`: the one reader of the environment; `addresses`: database URLs by role; `secrets`: the key files
- `wiring`: the one builder of objects; `setup`: what `rapport migrate` brings an installation to
- `cli/`: the `rapport` command; `serve`: its HTTP server; `logs`: where processes log
- `up`: PostgreSQL, Kafka, relay, workers and API on this machine; `first_key`: the key it shows
- `standing`, `checkup`, `doctor`: how all stands and what to do; `findings`: the shape of what is told
- `local/`: the services that pip brings, `stand_in` where one can't be had; `demo/`: three real data sets and
  their figures; `bench/`: measurements; `metrics/`: what Prometheus is told
- `pipelines.toml`, `reasons.toml`: what is configured beside the settings, read by `configuration`
"""
