-- Where each version stood in the last ten minutes, a mark every ten seconds, so that the status can say whether
-- its lag grows. slot: the time in tens of seconds modulo 60, so that old marks are written over and none is
-- ever deleted.
CREATE TABLE control.mark (
    projection text        NOT NULL,
    version    int         NOT NULL,
    slot       int         NOT NULL,
    at         timestamptz NOT NULL,
    position   bigint      NOT NULL,
    PRIMARY KEY (projection, version, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
