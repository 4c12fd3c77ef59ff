-- Sealed ranges. `record` holds the signed bytes, `hash` their SHA-256: what the next seal calls previous.
CREATE TABLE store.seal (
    sequence bigint      PRIMARY KEY CHECK (sequence > 0),
    first    bigint      NOT NULL,
    last     bigint      NOT NULL,
    count    integer     NOT NULL CHECK (count > 0),
    record   bytea       NOT NULL,
    hash     bytea       NOT NULL,
    sealed   timestamptz NOT NULL,
    CONSTRAINT seal_last UNIQUE (last),
    CONSTRAINT seal_range CHECK (first <= last)
);
