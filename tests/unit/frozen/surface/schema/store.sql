CREATE DATABASE surface_store WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = builtin LOCALE = 'C' BUILTIN_LOCALE = 'C.UTF-8';

ALTER DATABASE surface_store OWNER TO postgres;

ALTER ROLE rapport_app IN DATABASE surface_store SET synchronous_commit TO 'on';
ALTER ROLE rapport_app IN DATABASE surface_store SET idle_in_transaction_session_timeout TO '30s';
ALTER ROLE rapport_relay IN DATABASE surface_store SET synchronous_commit TO 'on';
ALTER ROLE rapport_relay IN DATABASE surface_store SET idle_in_transaction_session_timeout TO '30s';

CREATE SCHEMA access;

ALTER SCHEMA access OWNER TO rapport_owner;

CREATE SCHEMA store;

ALTER SCHEMA store OWNER TO rapport_owner;

CREATE FUNCTION store.hold_append_lock() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION store.hold_append_lock() OWNER TO rapport_owner;

CREATE FUNCTION store.incarnation_known() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog'
    AS $$
    SELECT coalesce((SELECT (i.system_identifier, i.timeline) = (s.system_identifier, s.timeline)
                       FROM store.incarnation i, store.server() s
                      ORDER BY i.number DESC LIMIT 1), false)
$$;

ALTER FUNCTION store.incarnation_known() OWNER TO rapport_owner;

CREATE FUNCTION store.server(OUT system_identifier bigint, OUT timeline integer) RETURNS record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog'
    AS $$
    SELECT s.system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
      FROM pg_control_system() s
$$;

ALTER FUNCTION store.server(OUT system_identifier bigint, OUT timeline integer) OWNER TO rapport_owner;

CREATE TABLE access.api_key (
    id uuid NOT NULL,
    principal uuid NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created timestamp with time zone NOT NULL,
    expires timestamp with time zone,
    revoked timestamp with time zone
);

ALTER TABLE access.api_key OWNER TO rapport_owner;

CREATE TABLE store.claim (
    source text NOT NULL,
    external_id text NOT NULL,
    id uuid NOT NULL,
    source_digest bytea
);

ALTER TABLE store.claim OWNER TO rapport_owner;

CREATE TABLE store.contact_index (
    hmac bytea NOT NULL,
    person uuid NOT NULL
);

ALTER TABLE store.contact_index OWNER TO rapport_owner;

CREATE TABLE store.event (
    "position" bigint NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    party uuid NOT NULL,
    event bytea NOT NULL,
    CONSTRAINT event_version_check CHECK ((version >= 0))
)
WITH (autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_threshold='50000', autovacuum_analyze_scale_factor='0.02', autovacuum_freeze_min_age='0');
ALTER TABLE ONLY store.event ALTER COLUMN party SET STATISTICS 500;

ALTER TABLE store.event OWNER TO rapport_owner;

ALTER TABLE store.event ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME store.event_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE store.idempotency (
    principal uuid NOT NULL,
    key_hmac bytea NOT NULL,
    request_hmac bytea NOT NULL,
    status integer NOT NULL,
    answer jsonb NOT NULL,
    expires timestamp with time zone NOT NULL
);

ALTER TABLE store.idempotency OWNER TO rapport_owner;

CREATE TABLE store.incarnation (
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    number integer NOT NULL,
    recovered jsonb
);

ALTER TABLE store.incarnation OWNER TO rapport_owner;

ALTER TABLE store.incarnation ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME store.incarnation_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW store.privacy_event AS
 SELECT "position",
    aggregate_id,
    version,
    type,
    party,
    event
   FROM store.event
  WHERE (type = ANY (ARRAY['crm.privacy.erasure_begun'::text, 'crm.privacy.keys_destroyed'::text, 'crm.privacy.erasure_certified'::text, 'crm.privacy.hold_placed'::text, 'crm.privacy.hold_released'::text, 'crm.privacy.retention_applied'::text]));

ALTER VIEW store.privacy_event OWNER TO rapport_owner;

CREATE TABLE store.relay (
    sole boolean DEFAULT true NOT NULL,
    state text NOT NULL,
    reason text,
    leader text,
    "position" bigint DEFAULT 0 NOT NULL,
    rate double precision DEFAULT 0 NOT NULL,
    heartbeat timestamp with time zone NOT NULL,
    CONSTRAINT relay_sole_check CHECK (sole)
);

ALTER TABLE store.relay OWNER TO rapport_owner;

CREATE TABLE store.schema_version (
    version_num character varying(32) NOT NULL
);

ALTER TABLE store.schema_version OWNER TO rapport_owner;

CREATE TABLE store.seal (
    sequence bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    record bytea NOT NULL,
    hash bytea NOT NULL,
    sealed timestamp with time zone NOT NULL,
    CONSTRAINT seal_count_check CHECK ((count > 0)),
    CONSTRAINT seal_range CHECK ((first <= last)),
    CONSTRAINT seal_sequence_check CHECK ((sequence > 0))
);

ALTER TABLE store.seal OWNER TO rapport_owner;

CREATE TABLE store.setting (
    name text NOT NULL,
    value jsonb NOT NULL
);

ALTER TABLE store.setting OWNER TO rapport_owner;

ALTER TABLE ONLY access.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY store.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (source, external_id);

ALTER TABLE ONLY store.contact_index
    ADD CONSTRAINT contact_index_pkey PRIMARY KEY (hmac, person);

ALTER TABLE ONLY store.event
    ADD CONSTRAINT event_aggregate_version UNIQUE (aggregate_id, version);

ALTER TABLE ONLY store.event
    ADD CONSTRAINT event_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY store.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (principal, key_hmac);

ALTER TABLE ONLY store.incarnation
    ADD CONSTRAINT incarnation_pkey PRIMARY KEY (number);

ALTER TABLE ONLY store.relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (sole);

ALTER TABLE ONLY store.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY store.seal
    ADD CONSTRAINT seal_last UNIQUE (last);

ALTER TABLE ONLY store.seal
    ADD CONSTRAINT seal_pkey PRIMARY KEY (sequence);

ALTER TABLE ONLY store.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (name);

CREATE INDEX claim_id ON store.claim USING btree (id);

CREATE INDEX contact_index_person ON store.contact_index USING btree (person);

CREATE INDEX event_party_position ON store.event USING btree (party, "position");

CREATE INDEX event_privacy ON store.event USING btree (type, "position") WHERE (type = ANY (ARRAY['crm.privacy.erasure_begun'::text, 'crm.privacy.keys_destroyed'::text, 'crm.privacy.erasure_certified'::text, 'crm.privacy.hold_placed'::text, 'crm.privacy.hold_released'::text, 'crm.privacy.retention_applied'::text]));

CREATE INDEX idempotency_expires ON store.idempotency USING btree (expires);

CREATE TRIGGER hold_append_lock BEFORE INSERT ON store.event FOR EACH STATEMENT EXECUTE FUNCTION store.hold_append_lock();

REVOKE CONNECT,TEMPORARY ON DATABASE surface_store FROM PUBLIC;
GRANT ALL ON DATABASE surface_store TO rapport_owner;
GRANT CONNECT,TEMPORARY ON DATABASE surface_store TO rapport_app;
GRANT CONNECT,TEMPORARY ON DATABASE surface_store TO rapport_relay;
GRANT CONNECT,TEMPORARY ON DATABASE surface_store TO rapport_worker;
GRANT CONNECT ON DATABASE surface_store TO rapport_reader;

GRANT USAGE ON SCHEMA access TO rapport_app;

GRANT USAGE ON SCHEMA store TO rapport_app;
GRANT USAGE ON SCHEMA store TO rapport_relay;
GRANT USAGE ON SCHEMA store TO rapport_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE access.api_key TO rapport_app;

GRANT SELECT,INSERT ON TABLE store.claim TO rapport_app;
GRANT SELECT ON TABLE store.claim TO rapport_relay;

GRANT SELECT,INSERT,DELETE ON TABLE store.contact_index TO rapport_app;
GRANT SELECT ON TABLE store.contact_index TO rapport_relay;

GRANT SELECT ON TABLE store.event TO rapport_app;
GRANT SELECT ON TABLE store.event TO rapport_relay;
GRANT SELECT ON TABLE store.event TO rapport_worker;

GRANT INSERT(aggregate_id) ON TABLE store.event TO rapport_app;

GRANT INSERT(version) ON TABLE store.event TO rapport_app;

GRANT INSERT(type) ON TABLE store.event TO rapport_app;

GRANT INSERT(party) ON TABLE store.event TO rapport_app;

GRANT INSERT(event) ON TABLE store.event TO rapport_app;

GRANT SELECT ON SEQUENCE store.event_position_seq TO rapport_app;
GRANT SELECT ON SEQUENCE store.event_position_seq TO rapport_relay;
GRANT SELECT ON SEQUENCE store.event_position_seq TO rapport_worker;

GRANT SELECT,INSERT,DELETE ON TABLE store.idempotency TO rapport_app;
GRANT SELECT ON TABLE store.idempotency TO rapport_relay;

GRANT SELECT ON TABLE store.incarnation TO rapport_app;
GRANT SELECT ON TABLE store.incarnation TO rapport_relay;
GRANT SELECT ON TABLE store.incarnation TO rapport_worker;

GRANT SELECT ON TABLE store.privacy_event TO rapport_app;
GRANT SELECT ON TABLE store.privacy_event TO rapport_relay;

GRANT SELECT ON TABLE store.relay TO rapport_app;
GRANT SELECT,INSERT,UPDATE ON TABLE store.relay TO rapport_relay;
GRANT SELECT ON TABLE store.relay TO rapport_worker;

GRANT SELECT ON TABLE store.schema_version TO rapport_app;
GRANT SELECT ON TABLE store.schema_version TO rapport_relay;
GRANT SELECT ON TABLE store.schema_version TO rapport_worker;

GRANT SELECT ON TABLE store.seal TO rapport_app;
GRANT SELECT,INSERT ON TABLE store.seal TO rapport_relay;
GRANT SELECT ON TABLE store.seal TO rapport_worker;

GRANT SELECT ON TABLE store.setting TO rapport_app;
GRANT SELECT ON TABLE store.setting TO rapport_relay;
GRANT SELECT ON TABLE store.setting TO rapport_worker;
