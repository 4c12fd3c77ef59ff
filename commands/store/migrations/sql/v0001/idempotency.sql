-- Requests that were answered, written with their events. Key and request are HMACs; the answer holds status,
-- ids, versions and the problem's code, never a body. Positions are looked up in store.event.
CREATE TABLE store.idempotency (
    principal    uuid        NOT NULL,
    key_hmac     bytea       NOT NULL,
    request_hmac bytea       NOT NULL,
    status       integer     NOT NULL,
    answer       jsonb       NOT NULL,
    expires      timestamptz NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (principal, key_hmac)
);

CREATE INDEX idempotency_expires ON store.idempotency (expires);
