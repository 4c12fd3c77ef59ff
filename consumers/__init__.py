"""One folder per process that reads the store or the topics.

- `relay/`: seals the store's events up to its high-water mark, and publishes each event once
- `worker/`: keeps a read model's tables, seal by seal; applies parked events again
- `rebuild/`: fills a candidate version, hands it over and verifies it
- `recovery/`: after a restore or a failover, brings events that only the topics have back into the store
- `kafka/`: all code that uses Kafka
"""
