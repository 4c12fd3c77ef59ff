"""One module per process that follows the store or the topics.

- `relay`: seals what the store has settled and publishes it, each event once; its parts, named there, are
  `relay_leader`, `relay_sealer`, `relay_publisher`, `relay_agreement`, `relay_lost`, `relay_patience`,
  `relay_shelf`, `relay_watch`
- `relay_republish`: lost topics restored from the store, by `relay_restoring`
- `relay_status`: how the relay stands, seen from outside
- `recovery`: after a restore or a failover, back into the store what only the topics have; its parts are
  `recovery_stage`, `recovery_aside`, `recovery_derived`
- `sealing`: seals made and checked, pure
- `worker`: keeps a read model's tables, seal by seal; its parts are `worker_seals`, `worker_writer`,
  `worker_group` and `worker_groups`, `worker_patience`, `worker_standstill`, `worker_telling`,
  `worker_upgrade`, and `worker_dropped`: what one does whose version is gone
- `retry`: held events applied again, after what held them was healed
- `rebuild`: a candidate version begun, paused, aborted; `rebuild_run` and `rebuild_fill` fill it from the
  store (`rebuild_source`, put aside by `rebuild_aside`, up to `rebuild_ends`), `rebuild_index` it and hand it
  over, `rebuild_verify` and `rebuild_compare` check it against a fold
- `kafka`: all that speaks to Kafka
"""
