"""All code that uses Kafka; no other package imports the client library.

- `address`: where the cluster is, and how clients connect
- `topics`: names, partitions of parties, making and checking the topics
- `batches`: puts records into the client's batches, fast
- `producer`: publishes one seal's events and its record in one transaction; `failures`: what an error asks
  for
- `tail`: the last committed records, searched backwards
- `read_all`, `counts`: all committed records of topics, and how many they are
- `reader`: committed records from given offsets on
- `slices`, `topic_archive`: the newest part of topics, and the topics as a copy of the store for audits
"""
