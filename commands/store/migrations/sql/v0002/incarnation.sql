-- Incarnations are numbered: the newest counts. A store that comes back to a server it was on before is new
-- there all the same. What a recovery did stands beside the incarnation that it made.
ALTER TABLE store.incarnation DROP CONSTRAINT incarnation_pkey;
ALTER TABLE store.incarnation
    ADD COLUMN number    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN recovered jsonb;

-- Where the store lives now. The timeline is that of the log as it is written: the control file's follows only
-- at the next checkpoint after a promotion.
CREATE FUNCTION store.server(OUT system_identifier bigint, OUT timeline integer)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT s.system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
      FROM pg_control_system() s
$$;

-- Whether that is where it was when it was last made or recovered.
CREATE FUNCTION store.incarnation_known() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce((SELECT (i.system_identifier, i.timeline) = (s.system_identifier, s.timeline)
                       FROM store.incarnation i, store.server() s
                      ORDER BY i.number DESC LIMIT 1), false)
$$;
