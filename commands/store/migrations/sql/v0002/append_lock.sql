-- As before, and nothing is appended by a server that the store does not know: after a failover or a restore
-- the positions behind its last event may stand in the topics already, for other events.
-- Asked once a session, since none survives a restart, and who was connected to a standby has appended nothing.
CREATE OR REPLACE FUNCTION store.hold_append_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(1380012112, 1);
    IF pg_catalog.current_setting('rapport.incarnation', true) IS DISTINCT FROM 'known' THEN
        IF NOT store.incarnation_known() THEN
            RAISE EXCEPTION 'the store does not know this server, or its timeline'
                USING ERRCODE = '55R01', HINT = 'Run `rapport store recover`.';
        END IF;
        PERFORM pg_catalog.set_config('rapport.incarnation', 'known', false);
    END IF;
    RETURN NULL;
END
$$;
