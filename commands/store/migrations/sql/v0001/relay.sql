-- What the leading relay says about itself; one row.
CREATE TABLE store.relay (
    sole      boolean          PRIMARY KEY DEFAULT true CHECK (sole),
    state     text             NOT NULL,
    reason    text,
    leader    text,
    position  bigint           NOT NULL DEFAULT 0,
    rate      double precision NOT NULL DEFAULT 0,
    heartbeat timestamptz      NOT NULL
);
