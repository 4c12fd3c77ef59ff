"""All that speaks to Kafka; no other package imports the client library.

- `address`: where the cluster is and how it is spoken to
- `topics`: names, partitions of parties, making and checking the topics
- `gathering`: records into the client's batches, fast
- `producer`: one seal's events and its record in one transaction
- `tail`: the last committed records, searched backwards
- `whole`, `counting`: all committed records of topics, and how many they are
- `reader`: committed records from given offsets on
"""
