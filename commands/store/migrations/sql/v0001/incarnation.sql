-- The servers and timelines this store has lived on. A new one (failover, restore) needs a recovery first,
-- or positions would be used twice.
CREATE TABLE store.incarnation (
    system_identifier bigint      NOT NULL,
    timeline          integer     NOT NULL,
    since             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT incarnation_pkey PRIMARY KEY (system_identifier, timeline)
);
