-- toy, version 1: one row per customer. events: how many it has.
CREATE SCHEMA toy_v1;

CREATE TABLE toy_v1.customer (
    id      uuid NOT NULL PRIMARY KEY,
    version int  NOT NULL,
    events  int  NOT NULL
);
