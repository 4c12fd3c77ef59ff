"""Services that Rapport starts by itself on this machine, and the children of `rapport up`.

- `state`: the folder everything lives in, with its secrets and its lock
- `guard`, `process`: a child process that never outlives its starter
- `postgres`, `kafka`, `jars`: PostgreSQL and Apache Kafka from what pip brings
- `supervisor`: keeps named children running and stops them all
- `ports`: free ports, remembered, and who holds a busy one
"""
