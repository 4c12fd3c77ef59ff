"""One module per process that follows the store or the topics.

- `relay`: seals what the store has settled and publishes it, each event once; its parts are named there
- `relay_republish`: lost topics restored from the store
- `relay_status`: how the relay stands, seen from outside
- `sealing`: seals made and checked, pure
- `worker`: keeps a read model's tables, seal by seal; its parts are the other `worker_` modules
  (`worker_dropped`: what one does whose version is gone)
- `rebuild`: a candidate version begun, paused, aborted; `rebuild_run` and `rebuild_fill` fill it from the
  store (`rebuild_source`) and hand it over, `rebuild_verify` and `rebuild_compare` check it against a fold
- `kafka`: all that speaks to Kafka
"""
