"""One folder per process that follows the store or the topics.

- `relay/`: seals what the store has up to its high-water mark, and publishes it, each event once
- `worker/`: keeps a read model's tables, seal by seal; applies parked events again
- `rebuild/`: fills a candidate version, hands it over and verifies it
- `recovery/`: after a restore or a failover, brings back into the store what only the topics have
- `kafka/`: all that speaks to Kafka
"""
