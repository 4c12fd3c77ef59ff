-- Versions side by side: which one was active before, how a candidate is built, what operators did.
ALTER TABLE control.active ADD COLUMN previous int;

-- One row per rebuild of a version. state: filling, catching_up, ready, verifying, verified, failed, swapped,
-- paused (`paused` says from which state), aborted, dropped; reason: why, in words. source: store or kafka.
-- seal_*: S, the seal that the fill goes up to (filled_to is its last position); offsets: E, by topic the end of
-- each partition, noted before S. ddl: the keys and indexes that the fill does without, as the statements that
-- make them. ended_at: nothing more comes of it.
CREATE TABLE control.rebuild (
    id            uuid        PRIMARY KEY,
    projection    text        NOT NULL,
    version       int         NOT NULL,
    state         text        NOT NULL,
    paused        text,
    reason        text,
    source        text        NOT NULL CHECK (source IN ('store', 'kafka')),
    filled_to     bigint      NOT NULL DEFAULT 0,
    seal_sequence bigint      NOT NULL DEFAULT 0,
    seal_hash     bytea       NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    offsets       jsonb       NOT NULL DEFAULT '{}',
    ddl           jsonb       NOT NULL DEFAULT '[]',
    events        bigint      NOT NULL DEFAULT 0,
    verification  jsonb,
    by_whom       text        NOT NULL,
    why           text,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    filled_at     timestamptz,
    caught_up_at  timestamptz,
    verified_at   timestamptz,
    swapped_at    timestamptz,
    ended_at      timestamptz
);
CREATE UNIQUE INDEX rebuild_open ON control.rebuild (projection, version) WHERE ended_at IS NULL;

-- A stretch of parties (from low, and below high; null is without an end) that is filled in one transaction.
-- received: by partition, how many events it had.
CREATE TABLE control.slice (
    rebuild  uuid    NOT NULL REFERENCES control.rebuild ON DELETE CASCADE,
    number   int     NOT NULL,
    low      uuid    NOT NULL,
    high     uuid,
    done     boolean NOT NULL DEFAULT false,
    events   bigint  NOT NULL DEFAULT 0,
    received jsonb   NOT NULL DEFAULT '{}',
    PRIMARY KEY (rebuild, number)
);

-- What an operator did to a read model, until it is an event in the store (recorded), and afterwards.
CREATE TABLE control.operation (
    id         uuid        PRIMARY KEY,
    at         timestamptz NOT NULL,
    principal  text        NOT NULL,
    act        text        NOT NULL,
    projection text        NOT NULL,
    version    int         NOT NULL,
    reason     text,
    details    jsonb       NOT NULL DEFAULT '{}',
    recorded   boolean     NOT NULL DEFAULT false
);
CREATE INDEX operation_unrecorded ON control.operation (at) WHERE NOT recorded;
