CREATE DATABASE surface_keys WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = builtin LOCALE = 'C' BUILTIN_LOCALE = 'C.UTF-8';

ALTER DATABASE surface_keys OWNER TO postgres;

ALTER ROLE rapport_app IN DATABASE surface_keys SET synchronous_commit TO 'on';
ALTER ROLE rapport_app IN DATABASE surface_keys SET idle_in_transaction_session_timeout TO '30s';
ALTER ROLE rapport_relay IN DATABASE surface_keys SET synchronous_commit TO 'on';
ALTER ROLE rapport_relay IN DATABASE surface_keys SET idle_in_transaction_session_timeout TO '30s';

CREATE SCHEMA keys;

ALTER SCHEMA keys OWNER TO rapport_owner;

CREATE FUNCTION keys.keep_tombstone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.state = 'destroyed' THEN
        RAISE EXCEPTION 'a destroyed key stays destroyed' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a key is destroyed, never deleted' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION keys.keep_tombstone() OWNER TO rapport_owner;

CREATE FUNCTION keys.refuse_other_kek() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    used   text;
    wanted text;
BEGIN
    FOR used IN SELECT DISTINCT made.kek FROM made WHERE made.state = 'active' LOOP
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(1380012112, 4);
        SELECT id INTO wanted FROM keys.kek WHERE current;
        IF wanted IS NULL THEN
            INSERT INTO keys.kek (id, current, finished) VALUES (used, true, now()) ON CONFLICT DO NOTHING;
            SELECT id INTO wanted FROM keys.kek WHERE current;
        END IF;
        IF wanted IS DISTINCT FROM used THEN
            RAISE EXCEPTION 'a key was wrapped with another key-encryption key than the current one'
                USING ERRCODE = '55R02';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION keys.refuse_other_kek() OWNER TO rapport_owner;

CREATE TABLE keys.kek (
    id text NOT NULL,
    current boolean NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    previous text,
    rotation uuid,
    rewrapped bigint DEFAULT 0 NOT NULL,
    finished timestamp with time zone,
    CONSTRAINT kek_id_check CHECK (((length(id) >= 1) AND (length(id) <= 200))),
    CONSTRAINT kek_rotation CHECK (((rotation IS NULL) = (previous IS NULL)))
);

ALTER TABLE keys.kek OWNER TO rapport_owner;

CREATE TABLE keys.person_key (
    person uuid NOT NULL,
    wrapped bytea,
    kek text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    destroyed timestamp with time zone,
    CONSTRAINT person_key_destroyed CHECK (((state = 'destroyed'::text) = (destroyed IS NOT NULL))),
    CONSTRAINT person_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'destroyed'::text]))),
    CONSTRAINT person_key_tombstone CHECK (((state = 'active'::text) = (wrapped IS NOT NULL)))
);

ALTER TABLE keys.person_key OWNER TO rapport_owner;

CREATE TABLE keys.retention_key (
    kind text NOT NULL,
    month text NOT NULL,
    wrapped bytea,
    kek text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    destroyed timestamp with time zone,
    CONSTRAINT retention_key_destroyed CHECK (((state = 'destroyed'::text) = (destroyed IS NOT NULL))),
    CONSTRAINT retention_key_month_check CHECK ((month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'::text)),
    CONSTRAINT retention_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'destroyed'::text]))),
    CONSTRAINT retention_key_tombstone CHECK (((state = 'active'::text) = (wrapped IS NOT NULL)))
);

ALTER TABLE keys.retention_key OWNER TO rapport_owner;

CREATE TABLE keys.schema_version (
    version_num character varying(32) NOT NULL
);

ALTER TABLE keys.schema_version OWNER TO rapport_owner;

ALTER TABLE ONLY keys.kek
    ADD CONSTRAINT kek_pkey PRIMARY KEY (id);

ALTER TABLE ONLY keys.person_key
    ADD CONSTRAINT person_key_pkey PRIMARY KEY (person);

ALTER TABLE ONLY keys.retention_key
    ADD CONSTRAINT retention_key_pkey PRIMARY KEY (kind, month);

ALTER TABLE ONLY keys.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);

CREATE UNIQUE INDEX kek_current ON keys.kek USING btree (current) WHERE current;

CREATE TRIGGER keep_tombstone BEFORE DELETE OR UPDATE ON keys.person_key FOR EACH ROW EXECUTE FUNCTION keys.keep_tombstone();

CREATE TRIGGER keep_tombstone BEFORE DELETE OR UPDATE ON keys.retention_key FOR EACH ROW EXECUTE FUNCTION keys.keep_tombstone();

CREATE TRIGGER refuse_other_kek AFTER INSERT ON keys.person_key REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION keys.refuse_other_kek();

CREATE TRIGGER refuse_other_kek AFTER INSERT ON keys.retention_key REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION keys.refuse_other_kek();

REVOKE CONNECT,TEMPORARY ON DATABASE surface_keys FROM PUBLIC;
GRANT ALL ON DATABASE surface_keys TO rapport_owner;
GRANT CONNECT,TEMPORARY ON DATABASE surface_keys TO rapport_app;
GRANT CONNECT,TEMPORARY ON DATABASE surface_keys TO rapport_relay;
GRANT CONNECT,TEMPORARY ON DATABASE surface_keys TO rapport_worker;
GRANT CONNECT ON DATABASE surface_keys TO rapport_reader;

GRANT USAGE ON SCHEMA keys TO rapport_app;
GRANT USAGE ON SCHEMA keys TO rapport_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE keys.kek TO rapport_app;
GRANT SELECT ON TABLE keys.kek TO rapport_worker;

GRANT SELECT,INSERT ON TABLE keys.person_key TO rapport_app;
GRANT SELECT ON TABLE keys.person_key TO rapport_worker;

GRANT UPDATE(wrapped) ON TABLE keys.person_key TO rapport_app;

GRANT UPDATE(kek) ON TABLE keys.person_key TO rapport_app;

GRANT UPDATE(state) ON TABLE keys.person_key TO rapport_app;

GRANT UPDATE(destroyed) ON TABLE keys.person_key TO rapport_app;

GRANT SELECT,INSERT ON TABLE keys.retention_key TO rapport_app;
GRANT SELECT ON TABLE keys.retention_key TO rapport_worker;

GRANT UPDATE(wrapped) ON TABLE keys.retention_key TO rapport_app;

GRANT UPDATE(kek) ON TABLE keys.retention_key TO rapport_app;

GRANT UPDATE(state) ON TABLE keys.retention_key TO rapport_app;

GRANT UPDATE(destroyed) ON TABLE keys.retention_key TO rapport_app;

GRANT SELECT ON TABLE keys.schema_version TO rapport_app;
GRANT SELECT ON TABLE keys.schema_version TO rapport_worker;
