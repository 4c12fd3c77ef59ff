-- The control tables of the read side. Read sides older than the numbering have them already.
CREATE SCHEMA IF NOT EXISTS control;
CREATE SCHEMA IF NOT EXISTS read;

-- One row per partition number, for all topics: who owns it, and how far it has come.
-- position: end of the last whole seal applied; seal_sequence and seal_hash: that seal's (0 and 32 zero bytes
-- before the first); offsets: by topic, the first record behind position; received: events taken in, held ones
-- included. A commit is conditional on epoch, so that a worker that lost its share cannot write.
CREATE TABLE IF NOT EXISTS control.share (
    projection    text        NOT NULL,
    version       int         NOT NULL,
    partition     int         NOT NULL,
    epoch         bigint      NOT NULL DEFAULT 0,
    worker        uuid,
    lease_until   timestamptz NOT NULL DEFAULT '-infinity',
    state         text        NOT NULL DEFAULT 'running',
    reason        text,
    position      bigint      NOT NULL DEFAULT 0,
    seal_sequence bigint      NOT NULL DEFAULT 0,
    seal_hash     bytea       NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    offsets       jsonb       NOT NULL DEFAULT '{}',
    received      bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (projection, version, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Every seal updates these few rows: room on the page keeps the updates out of the index.

CREATE TABLE IF NOT EXISTS control.worker (
    id         uuid             PRIMARY KEY,
    projection text             NOT NULL,
    version    int              NOT NULL,
    host       text             NOT NULL,
    pid        int              NOT NULL,
    started    timestamptz      NOT NULL,
    heartbeat  timestamptz      NOT NULL,
    rate       double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Events that could not be applied, and all later ones of the same aggregate, in order of position.
-- aggregate_id is null where the envelope itself could not be read: then the whole party waits.
CREATE TABLE IF NOT EXISTS control.held (
    projection   text        NOT NULL,
    version      int         NOT NULL,
    position     bigint      NOT NULL,
    aggregate_id uuid,
    party        uuid        NOT NULL,
    category     text        NOT NULL,
    error        text        NOT NULL,
    event        bytea       NOT NULL,
    held_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, version, position)
);

-- Which version of a projection is public: the one that the views in "read" and the API show.
CREATE TABLE IF NOT EXISTS control.active (
    projection text PRIMARY KEY,
    version    int  NOT NULL
);
