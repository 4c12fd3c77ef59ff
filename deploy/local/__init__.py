"""Services that Rapport starts by itself on this machine, and the children of `rapport up`.

- `state`, `lock`: the folder everything lives in, locked by one process at a time; `clean` empties it
- `guard`, `process`: a child process that never outlives its starter
- `postgres`, `unprivileged`: PostgreSQL from what pip brings, also when started as root
- `kafka`, `jars`, `resolve`: Apache Kafka, from jars fetched once and checked against `kafka.sha256`
- `tansu`: a stand-in for Kafka that forgets all when it stops, for the demo alone, where the jars can't be
  fetched
- `supervisor`: keeps services and children running and stops them all
- `ports`: free ports, remembered, and who holds a busy one
- `errors`: what can go wrong, as sentences
"""
