-- toy, version 2: with the types of the events, each once, in the order in which they first came.
CREATE SCHEMA toy_v2;

CREATE TABLE toy_v2.customer (
    id      uuid  NOT NULL PRIMARY KEY,
    version int   NOT NULL,
    events  int   NOT NULL,
    types   jsonb NOT NULL
);
CREATE INDEX customer_events ON toy_v2.customer (events, id);
