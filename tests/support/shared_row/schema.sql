-- shared_row, version 1: one row per party. customers, deals: how many events each topic gave it.
CREATE SCHEMA shared_row_v1;

CREATE TABLE shared_row_v1.party (
    party     uuid   NOT NULL PRIMARY KEY,
    customers int    NOT NULL,
    deals     int    NOT NULL,
    last      bigint NOT NULL
);
