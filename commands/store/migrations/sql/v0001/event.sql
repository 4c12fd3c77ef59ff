-- The truth: every event, appended once, never changed. `event` holds the encoded bytes as they are hashed.
CREATE TABLE store.event (
    position     bigint  GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    aggregate_id uuid    NOT NULL,
    version      integer NOT NULL CHECK (version >= 0),
    type         text    NOT NULL,
    party        uuid    NOT NULL,
    event        bytea   NOT NULL,
    CONSTRAINT event_aggregate_version UNIQUE (aggregate_id, version)
) WITH (
    -- The table only grows: vacuum for visibility and freezing, analyse by rows added, not by a share of them.
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_threshold = 50000,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_freeze_min_age = 0
);

CREATE INDEX event_party_position ON store.event (party, position);

ALTER TABLE store.event ALTER COLUMN party SET STATISTICS 500;
