-- service_history, version 1. `case` is the newest version of each case, `case_version` has one row per version
-- and is only inserted into; both have the same columns.
-- time: business time of the version's event; recorded: when it was recorded; position: its position.
-- open: new, assigned, in_progress or waiting. responded_at: first response (see fold.py). resolved_at: the
-- resolution that holds, null after a reopening; first_resolved_at: the first one. held_us: microseconds spent
-- waiting on the customer, without those since held_since. reported_sla: an imported log's own verdict, true is
-- met. changes: how often its details changed.
CREATE SCHEMA service_history_v1;

CREATE TABLE service_history_v1."case" (
    id                uuid        NOT NULL,
    version           int         NOT NULL,
    party             uuid        NOT NULL,
    time              timestamptz NOT NULL,
    recorded          timestamptz NOT NULL,
    position          bigint      NOT NULL,
    kind              text        NOT NULL,
    state             text        NOT NULL,
    open              boolean     NOT NULL,
    priority          int         NOT NULL,
    escalation        int         NOT NULL,
    channel           text,
    customer_id       uuid,
    queue             text,
    owner_id          uuid,
    category          text,
    product           text,
    cause             text,
    opened_at         timestamptz NOT NULL,
    state_entered_at  timestamptz NOT NULL,
    responded_at      timestamptz,
    first_resolved_at timestamptz,
    resolved_at       timestamptz,
    closed_at         timestamptz,
    held_since        timestamptz,
    held_us           bigint      NOT NULL,
    reopened          int         NOT NULL,
    resolution_code   text,
    close_code        text,
    reported_sla      boolean,
    duplicate_of      uuid,
    imported          boolean     NOT NULL,
    changes           int         NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 80);

-- The orders of the list (keyset: the id breaks ties), a customer's cases, and the backlog.
CREATE INDEX case_updated ON service_history_v1."case" (recorded, id);
CREATE INDEX case_opened ON service_history_v1."case" (opened_at, id);
CREATE INDEX case_customer ON service_history_v1."case" (customer_id, opened_at, id);
CREATE INDEX case_backlog ON service_history_v1."case" (queue, priority, opened_at) WHERE open;

CREATE TABLE service_history_v1.case_version (
    LIKE service_history_v1."case",
    PRIMARY KEY (id, version)
);
