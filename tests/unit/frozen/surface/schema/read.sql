CREATE DATABASE surface_read WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = builtin LOCALE = 'C' BUILTIN_LOCALE = 'C.UTF-8';

ALTER DATABASE surface_read OWNER TO postgres;

ALTER ROLE rapport_app IN DATABASE surface_read SET synchronous_commit TO 'on';
ALTER ROLE rapport_app IN DATABASE surface_read SET idle_in_transaction_session_timeout TO '30s';
ALTER ROLE rapport_relay IN DATABASE surface_read SET synchronous_commit TO 'on';
ALTER ROLE rapport_relay IN DATABASE surface_read SET idle_in_transaction_session_timeout TO '30s';

CREATE SCHEMA control;

ALTER SCHEMA control OWNER TO rapport_owner;

CREATE SCHEMA customer_360_v1;

ALTER SCHEMA customer_360_v1 OWNER TO rapport_owner;

CREATE SCHEMA identity_v1;

ALTER SCHEMA identity_v1 OWNER TO rapport_owner;

CREATE SCHEMA pipeline_v1;

ALTER SCHEMA pipeline_v1 OWNER TO rapport_owner;

CREATE SCHEMA read;

ALTER SCHEMA read OWNER TO rapport_owner;

CREATE SCHEMA service_history_v1;

ALTER SCHEMA service_history_v1 OWNER TO rapport_owner;

CREATE TABLE control.active (
    projection text NOT NULL,
    version integer NOT NULL,
    previous integer
);

ALTER TABLE control.active OWNER TO rapport_owner;

CREATE TABLE control.held (
    projection text NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    aggregate_id uuid,
    party uuid NOT NULL,
    category text NOT NULL,
    error text NOT NULL,
    event bytea NOT NULL,
    held_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE control.held OWNER TO rapport_owner;

CREATE TABLE control.mark (
    projection text NOT NULL,
    version integer NOT NULL,
    slot integer NOT NULL,
    at timestamp with time zone NOT NULL,
    "position" bigint NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500');

ALTER TABLE control.mark OWNER TO rapport_owner;

CREATE TABLE control.migration (
    number integer NOT NULL,
    name text NOT NULL,
    run_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE control.migration OWNER TO rapport_owner;

CREATE TABLE control.operation (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    principal text NOT NULL,
    act text NOT NULL,
    projection text NOT NULL,
    version integer NOT NULL,
    reason text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    recorded boolean DEFAULT false NOT NULL
);

ALTER TABLE control.operation OWNER TO rapport_owner;

CREATE TABLE control.rebuild (
    id uuid NOT NULL,
    projection text NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    paused text,
    reason text,
    source text NOT NULL,
    filled_to bigint DEFAULT 0 NOT NULL,
    seal_sequence bigint DEFAULT 0 NOT NULL,
    seal_hash bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    offsets jsonb DEFAULT '{}'::jsonb NOT NULL,
    ddl jsonb DEFAULT '[]'::jsonb NOT NULL,
    events bigint DEFAULT 0 NOT NULL,
    verification jsonb,
    by_whom text NOT NULL,
    why text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    filled_at timestamp with time zone,
    caught_up_at timestamp with time zone,
    verified_at timestamp with time zone,
    swapped_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT rebuild_source_check CHECK ((source = ANY (ARRAY['store'::text, 'kafka'::text])))
);

ALTER TABLE control.rebuild OWNER TO rapport_owner;

CREATE TABLE control.share (
    projection text NOT NULL,
    version integer NOT NULL,
    partition integer NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    worker uuid,
    lease_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    reason text,
    "position" bigint DEFAULT 0 NOT NULL,
    seal_sequence bigint DEFAULT 0 NOT NULL,
    seal_hash bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    offsets jsonb DEFAULT '{}'::jsonb NOT NULL,
    received bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='20', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500');

ALTER TABLE control.share OWNER TO rapport_owner;

CREATE TABLE control.slice (
    rebuild uuid NOT NULL,
    number integer NOT NULL,
    low uuid NOT NULL,
    high uuid,
    done boolean DEFAULT false NOT NULL,
    events bigint DEFAULT 0 NOT NULL,
    received jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE control.slice OWNER TO rapport_owner;

CREATE TABLE control.worker (
    id uuid NOT NULL,
    projection text NOT NULL,
    version integer NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    started timestamp with time zone NOT NULL,
    heartbeat timestamp with time zone NOT NULL,
    rate double precision DEFAULT 0 NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500');

ALTER TABLE control.worker OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.consent (
    id text NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL,
    party uuid NOT NULL,
    contact_id uuid NOT NULL,
    point_id uuid NOT NULL,
    purpose text NOT NULL,
    legal_basis text,
    source text NOT NULL,
    double_opt_in boolean NOT NULL,
    given_at timestamp with time zone,
    valid_until timestamp with time zone,
    withdrawn_at timestamp with time zone,
    withdrawn_source text
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.consent OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.contact (
    id uuid NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL,
    party uuid NOT NULL,
    customer_id uuid NOT NULL,
    role text,
    points jsonb NOT NULL,
    external_references jsonb NOT NULL,
    registered_at timestamp with time zone NOT NULL
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.contact OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.customer (
    id uuid NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    survivor_id uuid,
    organisation_name text,
    search text NOT NULL,
    parent_id uuid,
    owner_id uuid,
    attributes jsonb NOT NULL,
    tags jsonb NOT NULL,
    external_references jsonb NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    preferences jsonb NOT NULL,
    CONSTRAINT customer_kind_check CHECK ((kind = ANY (ARRAY['person'::text, 'organisation'::text]))),
    CONSTRAINT customer_state_check CHECK ((state = ANY (ARRAY['active'::text, 'merged'::text])))
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.customer OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.entry (
    "position" bigint NOT NULL,
    party uuid NOT NULL,
    subject_id uuid NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    occurred timestamp with time zone NOT NULL,
    recorded timestamp with time zone NOT NULL,
    title text NOT NULL,
    channel text,
    actor_id uuid NOT NULL,
    actor_kind text NOT NULL,
    cause text,
    changes jsonb NOT NULL,
    has_text boolean NOT NULL
);

ALTER TABLE customer_360_v1.entry OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.interaction (
    id uuid NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL,
    party uuid NOT NULL,
    customer_id uuid,
    contact_id uuid,
    kind text NOT NULL,
    direction text NOT NULL,
    channel text NOT NULL,
    occurred timestamp with time zone NOT NULL,
    duration_seconds integer,
    amount numeric,
    currency text,
    rate numeric,
    survey_question text,
    survey_score integer,
    opportunity_id uuid,
    case_id uuid,
    corrections integer NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.interaction OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.opportunity (
    id uuid NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL,
    party uuid NOT NULL,
    customer_id uuid,
    pipeline text NOT NULL,
    stage text NOT NULL,
    outcome text NOT NULL,
    amount numeric,
    currency text,
    rate numeric,
    owner_id uuid,
    expected_close date,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT opportunity_outcome_check CHECK ((outcome = ANY (ARRAY['open'::text, 'won'::text, 'lost'::text])))
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.opportunity OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.person (
    id uuid NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    party uuid NOT NULL,
    kind text NOT NULL,
    name text,
    email text,
    phone text,
    points jsonb NOT NULL,
    search text NOT NULL,
    erased boolean NOT NULL
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.person OWNER TO rapport_owner;

CREATE TABLE customer_360_v1.service_case (
    id uuid NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL,
    party uuid NOT NULL,
    customer_id uuid,
    kind text NOT NULL,
    state text NOT NULL,
    is_open boolean NOT NULL,
    priority integer NOT NULL,
    queue text,
    owner_id uuid,
    category text,
    product text,
    opened_at timestamp with time zone NOT NULL
)
WITH (fillfactor='90');

ALTER TABLE customer_360_v1.service_case OWNER TO rapport_owner;

CREATE TABLE identity_v1.link (
    party uuid NOT NULL,
    kind text NOT NULL,
    target uuid,
    since timestamp with time zone NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL
);

ALTER TABLE identity_v1.link OWNER TO rapport_owner;

CREATE TABLE identity_v1.link_version (
    party uuid CONSTRAINT link_party_not_null NOT NULL,
    kind text CONSTRAINT link_kind_not_null NOT NULL,
    target uuid,
    since timestamp with time zone CONSTRAINT link_since_not_null NOT NULL,
    version integer CONSTRAINT link_version_not_null NOT NULL,
    "position" bigint CONSTRAINT link_position_not_null NOT NULL,
    recorded timestamp with time zone CONSTRAINT link_recorded_not_null NOT NULL
);

ALTER TABLE identity_v1.link_version OWNER TO rapport_owner;

CREATE TABLE identity_v1.moved (
    id uuid NOT NULL,
    kind text NOT NULL,
    party uuid NOT NULL,
    customer_id uuid NOT NULL,
    since timestamp with time zone NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    recorded timestamp with time zone NOT NULL
);

ALTER TABLE identity_v1.moved OWNER TO rapport_owner;

CREATE TABLE identity_v1.moved_version (
    id uuid CONSTRAINT moved_id_not_null NOT NULL,
    kind text CONSTRAINT moved_kind_not_null NOT NULL,
    party uuid CONSTRAINT moved_party_not_null NOT NULL,
    customer_id uuid CONSTRAINT moved_customer_id_not_null NOT NULL,
    since timestamp with time zone CONSTRAINT moved_since_not_null NOT NULL,
    version integer CONSTRAINT moved_version_not_null NOT NULL,
    "position" bigint CONSTRAINT moved_position_not_null NOT NULL,
    recorded timestamp with time zone CONSTRAINT moved_recorded_not_null NOT NULL
);

ALTER TABLE identity_v1.moved_version OWNER TO rapport_owner;

CREATE TABLE pipeline_v1.opportunity (
    id uuid NOT NULL,
    version integer NOT NULL,
    party uuid NOT NULL,
    "time" timestamp with time zone NOT NULL,
    recorded timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    pipeline text NOT NULL,
    stage text NOT NULL,
    outcome text NOT NULL,
    probability integer NOT NULL,
    probability_overridden boolean NOT NULL,
    amount numeric,
    currency text,
    rate numeric,
    customer_id uuid,
    owner_id uuid,
    product_id uuid,
    forecast_category text NOT NULL,
    expected_close date,
    opened_at timestamp with time zone NOT NULL,
    stage_entered_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    lost_reason text,
    competitor text,
    imported boolean NOT NULL,
    team jsonb,
    products jsonb,
    CONSTRAINT opportunity_outcome_check CHECK ((outcome = ANY (ARRAY['open'::text, 'won'::text, 'lost'::text])))
)
WITH (fillfactor='80');

ALTER TABLE pipeline_v1.opportunity OWNER TO rapport_owner;

CREATE TABLE pipeline_v1.opportunity_version (
    id uuid CONSTRAINT opportunity_id_not_null NOT NULL,
    version integer CONSTRAINT opportunity_version_not_null NOT NULL,
    party uuid CONSTRAINT opportunity_party_not_null NOT NULL,
    "time" timestamp with time zone CONSTRAINT opportunity_time_not_null NOT NULL,
    recorded timestamp with time zone CONSTRAINT opportunity_recorded_not_null NOT NULL,
    "position" bigint CONSTRAINT opportunity_position_not_null NOT NULL,
    pipeline text CONSTRAINT opportunity_pipeline_not_null NOT NULL,
    stage text CONSTRAINT opportunity_stage_not_null NOT NULL,
    outcome text CONSTRAINT opportunity_outcome_not_null NOT NULL,
    probability integer CONSTRAINT opportunity_probability_not_null NOT NULL,
    probability_overridden boolean CONSTRAINT opportunity_probability_overridden_not_null NOT NULL,
    amount numeric,
    currency text,
    rate numeric,
    customer_id uuid,
    owner_id uuid,
    product_id uuid,
    forecast_category text CONSTRAINT opportunity_forecast_category_not_null NOT NULL,
    expected_close date,
    opened_at timestamp with time zone CONSTRAINT opportunity_opened_at_not_null NOT NULL,
    stage_entered_at timestamp with time zone CONSTRAINT opportunity_stage_entered_at_not_null NOT NULL,
    closed_at timestamp with time zone,
    lost_reason text,
    competitor text,
    imported boolean CONSTRAINT opportunity_imported_not_null NOT NULL,
    team jsonb,
    products jsonb
);

ALTER TABLE pipeline_v1.opportunity_version OWNER TO rapport_owner;

CREATE TABLE service_history_v1."case" (
    id uuid NOT NULL,
    version integer NOT NULL,
    party uuid NOT NULL,
    "time" timestamp with time zone NOT NULL,
    recorded timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    open boolean NOT NULL,
    priority integer NOT NULL,
    escalation integer NOT NULL,
    channel text,
    customer_id uuid,
    queue text,
    owner_id uuid,
    category text,
    product text,
    cause text,
    opened_at timestamp with time zone NOT NULL,
    state_entered_at timestamp with time zone NOT NULL,
    responded_at timestamp with time zone,
    first_resolved_at timestamp with time zone,
    resolved_at timestamp with time zone,
    closed_at timestamp with time zone,
    held_since timestamp with time zone,
    held_us bigint NOT NULL,
    reopened integer NOT NULL,
    resolution_code text,
    close_code text,
    reported_sla boolean,
    duplicate_of uuid,
    imported boolean NOT NULL,
    changes integer NOT NULL
)
WITH (fillfactor='80');

ALTER TABLE service_history_v1."case" OWNER TO rapport_owner;

CREATE VIEW read.backlog AS
 SELECT queue,
    priority,
    count(*) AS cases,
    min(opened_at) AS oldest_opened_at,
    avg((now() - opened_at)) AS mean_age
   FROM service_history_v1."case"
  WHERE open
  GROUP BY queue, priority;

ALTER VIEW read.backlog OWNER TO rapport_owner;

CREATE VIEW read.board AS
 SELECT pipeline,
    stage,
    outcome,
    owner_id,
    team,
    COALESCE(((closed_at AT TIME ZONE 'UTC'::text))::date, expected_close) AS closing_on,
    count(*) AS opportunities,
    COALESCE(sum((amount * rate)), (0)::numeric) AS amount,
    COALESCE(sum((((amount * rate) * (probability)::numeric) / (100)::numeric)), (0)::numeric) AS amount_weighted,
    sum((now() - stage_entered_at)) FILTER (WHERE (outcome = 'open'::text)) AS age,
    count(*) FILTER (WHERE ((outcome = 'open'::text) AND (stage_entered_at < (now() - '30 days'::interval)))) AS stale
   FROM pipeline_v1.opportunity
  GROUP BY pipeline, stage, outcome, owner_id, team, COALESCE(((closed_at AT TIME ZONE 'UTC'::text))::date, expected_close);

ALTER VIEW read.board OWNER TO rapport_owner;

CREATE VIEW read."case" AS
 SELECT id,
    version,
    party,
    kind,
    state,
    open,
    priority,
    escalation,
    channel,
    customer_id,
    queue,
    owner_id,
    category,
    product,
    cause,
    opened_at,
    state_entered_at,
    responded_at,
    first_resolved_at,
    resolved_at,
    closed_at,
    held_since,
    make_interval(secs => (((held_us)::numeric / '1000000'::numeric))::double precision) AS held,
    reopened,
    resolution_code,
    close_code,
    reported_sla,
    duplicate_of,
    imported,
    changes,
    "time",
    recorded,
    recorded AS updated_at,
    "position"
   FROM service_history_v1."case";

ALTER VIEW read."case" OWNER TO rapport_owner;

CREATE VIEW read.case_times AS
 SELECT id,
    priority,
    queue,
    opened_at,
    (responded_at - opened_at) AS response,
    (first_resolved_at - opened_at) AS first_resolution,
    ((resolved_at - opened_at) - make_interval(secs => (((held_us)::numeric / '1000000'::numeric))::double precision)) AS resolution
   FROM service_history_v1."case";

ALTER VIEW read.case_times OWNER TO rapport_owner;

CREATE TABLE service_history_v1.case_version (
    id uuid CONSTRAINT case_id_not_null NOT NULL,
    version integer CONSTRAINT case_version_not_null NOT NULL,
    party uuid CONSTRAINT case_party_not_null NOT NULL,
    "time" timestamp with time zone CONSTRAINT case_time_not_null NOT NULL,
    recorded timestamp with time zone CONSTRAINT case_recorded_not_null NOT NULL,
    "position" bigint CONSTRAINT case_position_not_null NOT NULL,
    kind text CONSTRAINT case_kind_not_null NOT NULL,
    state text CONSTRAINT case_state_not_null NOT NULL,
    open boolean CONSTRAINT case_open_not_null NOT NULL,
    priority integer CONSTRAINT case_priority_not_null NOT NULL,
    escalation integer CONSTRAINT case_escalation_not_null NOT NULL,
    channel text,
    customer_id uuid,
    queue text,
    owner_id uuid,
    category text,
    product text,
    cause text,
    opened_at timestamp with time zone CONSTRAINT case_opened_at_not_null NOT NULL,
    state_entered_at timestamp with time zone CONSTRAINT case_state_entered_at_not_null NOT NULL,
    responded_at timestamp with time zone,
    first_resolved_at timestamp with time zone,
    resolved_at timestamp with time zone,
    closed_at timestamp with time zone,
    held_since timestamp with time zone,
    held_us bigint CONSTRAINT case_held_us_not_null NOT NULL,
    reopened integer CONSTRAINT case_reopened_not_null NOT NULL,
    resolution_code text,
    close_code text,
    reported_sla boolean,
    duplicate_of uuid,
    imported boolean CONSTRAINT case_imported_not_null NOT NULL,
    changes integer CONSTRAINT case_changes_not_null NOT NULL
);

ALTER TABLE service_history_v1.case_version OWNER TO rapport_owner;

CREATE VIEW read.case_version AS
 SELECT id,
    version,
    party,
    kind,
    state,
    open,
    priority,
    escalation,
    channel,
    customer_id,
    queue,
    owner_id,
    category,
    product,
    cause,
    opened_at,
    state_entered_at,
    responded_at,
    first_resolved_at,
    resolved_at,
    closed_at,
    held_since,
    make_interval(secs => (((held_us)::numeric / '1000000'::numeric))::double precision) AS held,
    reopened,
    resolution_code,
    close_code,
    reported_sla,
    duplicate_of,
    imported,
    changes,
    "time",
    recorded,
    recorded AS updated_at,
    "position"
   FROM service_history_v1.case_version;

ALTER VIEW read.case_version OWNER TO rapport_owner;

CREATE VIEW read.complaint AS
 SELECT product,
    cause,
    ((opened_at AT TIME ZONE 'UTC'::text))::date AS opened_on,
    count(*) AS complaints,
    count(*) FILTER (WHERE open) AS open
   FROM service_history_v1."case"
  WHERE (kind = 'complaint'::text)
  GROUP BY product, cause, (((opened_at AT TIME ZONE 'UTC'::text))::date);

ALTER VIEW read.complaint OWNER TO rapport_owner;

CREATE VIEW read.identity AS
 SELECT party,
        CASE
            WHEN (target IS NULL) THEN
            CASE
                WHEN (kind = 'customer'::text) THEN party
                ELSE NULL::uuid
            END
            ELSE COALESCE(( WITH RECURSIVE up(party, depth) AS (
                     SELECT l.target,
                        1 AS "?column?"
                    UNION ALL
                     SELECT n.target,
                        (up_1.depth + 1)
                       FROM (up up_1
                         JOIN identity_v1.link n ON ((n.party = up_1.party)))
                      WHERE (n.target IS NOT NULL)
                    ) CYCLE party SET looped USING walked
             SELECT up.party
               FROM up
              WHERE (NOT (EXISTS ( SELECT 1
                       FROM up again
                      WHERE again.looped)))
              ORDER BY up.depth DESC
             LIMIT 1),
            CASE
                WHEN (kind = 'customer'::text) THEN party
                ELSE NULL::uuid
            END)
        END AS customer_id
   FROM identity_v1.link l;

ALTER VIEW read.identity OWNER TO rapport_owner;

CREATE VIEW read.consent AS
 SELECT id,
    party,
    ( SELECT i.customer_id
           FROM read.identity i
          WHERE (i.party = c.party)) AS customer_id,
    contact_id,
    point_id,
    purpose,
    legal_basis,
    source,
    double_opt_in,
    given_at,
    valid_until,
    withdrawn_at,
    withdrawn_source,
    ((given_at IS NOT NULL) AND (withdrawn_at IS NULL) AND ((valid_until IS NULL) OR (valid_until > now())) AND (NOT (EXISTS ( SELECT
           FROM customer_360_v1.contact p,
            LATERAL jsonb_array_elements(p.points) point(value)
          WHERE ((p.id = c.contact_id) AND ((point.value ->> 'point_id'::text) = (c.point_id)::text) AND (point.value ? 'removed_at'::text)))))) AS is_active,
    recorded AS updated_at,
    "position"
   FROM customer_360_v1.consent c;

ALTER VIEW read.consent OWNER TO rapport_owner;

CREATE VIEW read.contact AS
 SELECT id,
    version,
    party,
    ( SELECT i.customer_id
           FROM read.identity i
          WHERE (i.party = c.party)) AS customer_id,
    role,
    points,
    external_references,
    registered_at,
    recorded AS updated_at,
    "position"
   FROM customer_360_v1.contact c;

ALTER VIEW read.contact OWNER TO rapport_owner;

CREATE VIEW read.customer AS
 SELECT id,
    version,
    kind,
    organisation_name,
    state,
    survivor_id,
    COALESCE(( SELECT i.customer_id
           FROM read.identity i
          WHERE (i.party = c.id)), id) AS customer_id,
    parent_id,
    owner_id,
    tags,
    attributes,
    external_references,
    registered_at,
    recorded AS updated_at,
    "position",
    preferences
   FROM customer_360_v1.customer c;

ALTER VIEW read.customer OWNER TO rapport_owner;

CREATE VIEW read.identity_moved AS
 SELECT id,
    kind,
    party,
    customer_id,
    since
   FROM identity_v1.moved
  WHERE (customer_id <> party);

ALTER VIEW read.identity_moved OWNER TO rapport_owner;

CREATE VIEW read.customer_summary AS
 WITH owned AS (
         SELECT i.id,
            i.version,
            i."position",
            i.recorded,
            i.party,
            i.customer_id,
            i.contact_id,
            i.kind,
            i.direction,
            i.channel,
            i.occurred,
            i.duration_seconds,
            i.amount,
            i.currency,
            i.rate,
            i.survey_question,
            i.survey_score,
            i.opportunity_id,
            i.case_id,
            i.corrections,
            i.source,
            i.external_id,
            ( SELECT w.customer_id
                   FROM read.identity w
                  WHERE (w.party = COALESCE(( SELECT m.customer_id
                           FROM read.identity_moved m
                          WHERE (m.id = i.id)), i.party))) AS owner
           FROM customer_360_v1.interaction i
        )
 SELECT c.id AS customer_id,
    count(o.id) AS interactions,
    count(o.id) FILTER (WHERE (o.kind = 'purchase'::text)) AS purchases,
    COALESCE(sum((o.amount * o.rate)) FILTER (WHERE (o.kind = 'purchase'::text)), (0)::numeric) AS purchase_value,
    count(o.id) FILTER (WHERE (o.kind = 'return'::text)) AS returns,
    COALESCE(sum((o.amount * o.rate)) FILTER (WHERE (o.kind = 'return'::text)), (0)::numeric) AS return_value,
    max(o.occurred) AS last_contact_at,
    count(o.id) FILTER (WHERE (o.survey_question = 'csat'::text)) AS csat_answers,
    count(o.id) FILTER (WHERE ((o.survey_question = 'csat'::text) AND (o.survey_score >= 4))) AS csat_satisfied
   FROM (customer_360_v1.customer c
     LEFT JOIN owned o ON ((o.owner = c.id)))
  WHERE (c.state = 'active'::text)
  GROUP BY c.id;

ALTER VIEW read.customer_summary OWNER TO rapport_owner;

CREATE VIEW read.forecast AS
 SELECT pipeline,
    (date_trunc('month'::text, (expected_close)::timestamp without time zone))::date AS month,
    forecast_category,
    owner_id,
    count(*) AS opportunities,
    COALESCE(sum((amount * rate)), (0)::numeric) AS amount,
    COALESCE(sum((((amount * rate) * (probability)::numeric) / (100)::numeric)), (0)::numeric) AS amount_weighted
   FROM pipeline_v1.opportunity
  WHERE (outcome = 'open'::text)
  GROUP BY pipeline, ((date_trunc('month'::text, (expected_close)::timestamp without time zone))::date), forecast_category, owner_id;

ALTER VIEW read.forecast OWNER TO rapport_owner;

CREATE VIEW read.last_contact AS
 WITH owned AS (
         SELECT i.channel,
            i.occurred,
            ( SELECT w.customer_id
                   FROM read.identity w
                  WHERE (w.party = COALESCE(( SELECT m.customer_id
                           FROM read.identity_moved m
                          WHERE (m.id = i.id)), i.party))) AS owner
           FROM customer_360_v1.interaction i
        )
 SELECT c.id AS customer_id,
    o.channel,
    max(o.occurred) AS last_contact_at,
    count(*) AS interactions
   FROM (customer_360_v1.customer c
     JOIN owned o ON ((o.owner = c.id)))
  WHERE (c.state = 'active'::text)
  GROUP BY c.id, o.channel;

ALTER VIEW read.last_contact OWNER TO rapport_owner;

CREATE VIEW read.opportunity AS
 SELECT id,
    version,
    party,
    pipeline,
    stage,
    outcome,
    probability,
    probability_overridden,
    amount,
    currency,
    rate,
    (amount * rate) AS amount_reporting,
    (((amount * rate) * (probability)::numeric) / (100)::numeric) AS amount_weighted,
    customer_id,
    owner_id,
    product_id,
    forecast_category,
    expected_close,
    opened_at,
    stage_entered_at,
    closed_at,
    lost_reason,
    competitor,
    imported,
    team,
    products,
    "time",
    recorded,
    recorded AS updated_at,
    "position"
   FROM pipeline_v1.opportunity;

ALTER VIEW read.opportunity OWNER TO rapport_owner;

CREATE VIEW read.opportunity_change AS
 SELECT n.pipeline,
    n.id,
    n.version,
    n."time",
    n.recorded,
    o.stage AS stage_before,
    n.stage,
    o.outcome AS outcome_before,
    n.outcome,
    (o.amount * o.rate) AS amount_before,
    (n.amount * n.rate) AS amount,
    n."position"
   FROM (pipeline_v1.opportunity_version n
     LEFT JOIN LATERAL ( SELECT v.stage,
            v.outcome,
            v.amount,
            v.rate
           FROM pipeline_v1.opportunity_version v
          WHERE ((v.id = n.id) AND (v.version < n.version))
          ORDER BY v.version DESC
         LIMIT 1) o ON (true));

ALTER VIEW read.opportunity_change OWNER TO rapport_owner;

CREATE VIEW read.opportunity_version AS
 SELECT id,
    version,
    party,
    pipeline,
    stage,
    outcome,
    probability,
    probability_overridden,
    amount,
    currency,
    rate,
    (amount * rate) AS amount_reporting,
    (((amount * rate) * (probability)::numeric) / (100)::numeric) AS amount_weighted,
    customer_id,
    owner_id,
    product_id,
    forecast_category,
    expected_close,
    opened_at,
    stage_entered_at,
    closed_at,
    lost_reason,
    competitor,
    imported,
    team,
    products,
    "time",
    recorded,
    recorded AS updated_at,
    "position"
   FROM pipeline_v1.opportunity_version;

ALTER VIEW read.opportunity_version OWNER TO rapport_owner;

CREATE VIEW read.outcome AS
 SELECT pipeline,
    outcome,
    lost_reason,
    competitor,
    owner_id,
    ((closed_at AT TIME ZONE 'UTC'::text))::date AS closed_on,
    count(*) AS opportunities,
    COALESCE(sum((amount * rate)), (0)::numeric) AS amount
   FROM pipeline_v1.opportunity
  WHERE (outcome <> 'open'::text)
  GROUP BY pipeline, outcome, lost_reason, competitor, owner_id, (((closed_at AT TIME ZONE 'UTC'::text))::date);

ALTER VIEW read.outcome OWNER TO rapport_owner;

CREATE VIEW read.person AS
 SELECT id,
    kind,
    party,
    ( SELECT i.customer_id
           FROM read.identity i
          WHERE (i.party = p.party)) AS customer_id,
    name,
    email,
    phone,
    points,
    erased,
    "position"
   FROM customer_360_v1.person p;

ALTER VIEW read.person OWNER TO rapport_owner;

CREATE VIEW read.reopening AS
 SELECT ((first_resolved_at AT TIME ZONE 'UTC'::text))::date AS resolved_on,
    queue,
    count(*) AS resolved,
    count(*) FILTER (WHERE (reopened > 0)) AS reopened,
    sum(reopened) AS reopenings,
    ((count(*) FILTER (WHERE (reopened > 0)))::double precision / (count(*))::double precision) AS rate
   FROM service_history_v1."case"
  WHERE (first_resolved_at IS NOT NULL)
  GROUP BY (((first_resolved_at AT TIME ZONE 'UTC'::text))::date), queue;

ALTER VIEW read.reopening OWNER TO rapport_owner;

CREATE VIEW read.reported_sla AS
 SELECT ((closed_at AT TIME ZONE 'UTC'::text))::date AS closed_on,
    count(*) FILTER (WHERE reported_sla) AS met,
    count(*) FILTER (WHERE (NOT reported_sla)) AS missed,
    count(*) FILTER (WHERE (reported_sla IS NULL)) AS unknown
   FROM service_history_v1."case"
  WHERE (closed_at IS NOT NULL)
  GROUP BY (((closed_at AT TIME ZONE 'UTC'::text))::date);

ALTER VIEW read.reported_sla OWNER TO rapport_owner;

CREATE VIEW read.timeline AS
 SELECT (((subject_id)::text || ':'::text) || version) AS event_id,
    "position",
    party,
    ( SELECT i.customer_id
           FROM read.identity i
          WHERE (i.party = COALESCE(( SELECT m.customer_id
                   FROM read.identity_moved m
                  WHERE (m.id = e.subject_id)), e.party))) AS customer_id,
    subject_id,
    version,
    type,
    kind,
    occurred,
    recorded,
    title,
    channel,
    actor_id,
    actor_kind,
    cause,
    changes,
    has_text
   FROM customer_360_v1.entry e;

ALTER VIEW read.timeline OWNER TO rapport_owner;

ALTER TABLE ONLY control.active
    ADD CONSTRAINT active_pkey PRIMARY KEY (projection);

ALTER TABLE ONLY control.held
    ADD CONSTRAINT held_pkey PRIMARY KEY (projection, version, "position");

ALTER TABLE ONLY control.mark
    ADD CONSTRAINT mark_pkey PRIMARY KEY (projection, version, slot);

ALTER TABLE ONLY control.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY control.operation
    ADD CONSTRAINT operation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY control.rebuild
    ADD CONSTRAINT rebuild_pkey PRIMARY KEY (id);

ALTER TABLE ONLY control.share
    ADD CONSTRAINT share_pkey PRIMARY KEY (projection, version, partition);

ALTER TABLE ONLY control.slice
    ADD CONSTRAINT slice_pkey PRIMARY KEY (rebuild, number);

ALTER TABLE ONLY control.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.consent
    ADD CONSTRAINT consent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.contact
    ADD CONSTRAINT contact_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY customer_360_v1.interaction
    ADD CONSTRAINT interaction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.opportunity
    ADD CONSTRAINT opportunity_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);

ALTER TABLE ONLY customer_360_v1.service_case
    ADD CONSTRAINT service_case_pkey PRIMARY KEY (id);

ALTER TABLE ONLY identity_v1.link
    ADD CONSTRAINT link_pkey PRIMARY KEY (party);

ALTER TABLE ONLY identity_v1.link_version
    ADD CONSTRAINT link_version_pkey PRIMARY KEY (party, version);

ALTER TABLE ONLY identity_v1.moved
    ADD CONSTRAINT moved_pkey PRIMARY KEY (id);

ALTER TABLE ONLY identity_v1.moved_version
    ADD CONSTRAINT moved_version_pkey PRIMARY KEY (id, version);

ALTER TABLE ONLY pipeline_v1.opportunity
    ADD CONSTRAINT opportunity_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pipeline_v1.opportunity_version
    ADD CONSTRAINT opportunity_version_pkey PRIMARY KEY (id, version);

ALTER TABLE ONLY service_history_v1."case"
    ADD CONSTRAINT case_pkey PRIMARY KEY (id);

ALTER TABLE ONLY service_history_v1.case_version
    ADD CONSTRAINT case_version_pkey PRIMARY KEY (id, version);

CREATE INDEX held_aggregate ON control.held USING btree (projection, version, aggregate_id, "position");

CREATE INDEX held_party ON control.held USING btree (projection, version, party, "position");

CREATE INDEX operation_unrecorded ON control.operation USING btree (at) WHERE (NOT recorded);

CREATE UNIQUE INDEX rebuild_open ON control.rebuild USING btree (projection, version) WHERE (ended_at IS NULL);

CREATE INDEX consent_party ON customer_360_v1.consent USING btree (party, id);

CREATE INDEX contact_party ON customer_360_v1.contact USING btree (party, registered_at, id);

CREATE INDEX customer_references ON customer_360_v1.customer USING gin (external_references jsonb_path_ops);

CREATE INDEX customer_words ON customer_360_v1.customer USING gin (array_to_tsvector(string_to_array(search, ' '::text)));

CREATE INDEX entry_channel ON customer_360_v1.entry USING btree (party, channel, occurred, "position") WHERE (channel IS NOT NULL);

CREATE INDEX entry_kind ON customer_360_v1.entry USING btree (party, kind, occurred, "position");

CREATE INDEX entry_party ON customer_360_v1.entry USING btree (party, occurred, "position");

CREATE INDEX entry_subject ON customer_360_v1.entry USING btree (subject_id);

CREATE INDEX interaction_party ON customer_360_v1.interaction USING btree (party);

CREATE INDEX opportunity_party ON customer_360_v1.opportunity USING btree (party, outcome, opened_at, id);

CREATE INDEX person_words ON customer_360_v1.person USING gin (array_to_tsvector(string_to_array(search, ' '::text)));

CREATE INDEX service_case_party ON customer_360_v1.service_case USING btree (party, is_open, opened_at, id);

CREATE INDEX link_target ON identity_v1.link USING btree (target) WHERE (target IS NOT NULL);

CREATE INDEX link_version_target ON identity_v1.link_version USING btree (target) WHERE (target IS NOT NULL);

CREATE INDEX moved_customer ON identity_v1.moved USING btree (customer_id);

CREATE INDEX moved_party ON identity_v1.moved USING btree (party);

CREATE INDEX moved_version_customer ON identity_v1.moved_version USING btree (customer_id);

CREATE INDEX moved_version_party ON identity_v1.moved_version USING btree (party);

CREATE INDEX opportunity_amount ON pipeline_v1.opportunity USING btree (COALESCE(amount, ('-1'::integer)::numeric), id);

CREATE INDEX opportunity_customer ON pipeline_v1.opportunity USING btree (customer_id, recorded, id);

CREATE INDEX opportunity_owner ON pipeline_v1.opportunity USING btree (owner_id, recorded, id);

CREATE INDEX opportunity_stage ON pipeline_v1.opportunity USING btree (pipeline, stage, recorded, id);

CREATE INDEX opportunity_updated ON pipeline_v1.opportunity USING btree (recorded, id);

CREATE INDEX case_backlog ON service_history_v1."case" USING btree (queue, priority, opened_at) WHERE open;

CREATE INDEX case_customer ON service_history_v1."case" USING btree (customer_id, opened_at, id);

CREATE INDEX case_opened ON service_history_v1."case" USING btree (opened_at, id);

CREATE INDEX case_updated ON service_history_v1."case" USING btree (recorded, id);

ALTER TABLE ONLY control.slice
    ADD CONSTRAINT slice_rebuild_fkey FOREIGN KEY (rebuild) REFERENCES control.rebuild(id) ON DELETE CASCADE;

REVOKE CONNECT,TEMPORARY ON DATABASE surface_read FROM PUBLIC;
GRANT ALL ON DATABASE surface_read TO rapport_owner;
GRANT CONNECT,TEMPORARY ON DATABASE surface_read TO rapport_app;
GRANT CONNECT,TEMPORARY ON DATABASE surface_read TO rapport_relay;
GRANT CONNECT,TEMPORARY ON DATABASE surface_read TO rapport_worker;
GRANT CONNECT ON DATABASE surface_read TO rapport_reader;

GRANT USAGE ON SCHEMA control TO rapport_worker;
GRANT USAGE ON SCHEMA control TO rapport_app;

GRANT USAGE ON SCHEMA customer_360_v1 TO rapport_worker;
GRANT USAGE ON SCHEMA customer_360_v1 TO rapport_app;

GRANT USAGE ON SCHEMA identity_v1 TO rapport_worker;
GRANT USAGE ON SCHEMA identity_v1 TO rapport_app;

GRANT USAGE ON SCHEMA pipeline_v1 TO rapport_worker;
GRANT USAGE ON SCHEMA pipeline_v1 TO rapport_app;

GRANT USAGE ON SCHEMA read TO rapport_worker;
GRANT USAGE ON SCHEMA read TO rapport_app;
GRANT USAGE ON SCHEMA read TO rapport_reader;

GRANT USAGE ON SCHEMA service_history_v1 TO rapport_worker;
GRANT USAGE ON SCHEMA service_history_v1 TO rapport_app;

GRANT SELECT ON TABLE control.active TO rapport_worker;
GRANT SELECT ON TABLE control.active TO rapport_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE control.held TO rapport_worker;
GRANT SELECT ON TABLE control.held TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE control.mark TO rapport_worker;
GRANT SELECT ON TABLE control.mark TO rapport_app;

GRANT SELECT ON TABLE control.migration TO rapport_worker;
GRANT SELECT ON TABLE control.migration TO rapport_app;

GRANT SELECT ON TABLE control.operation TO rapport_worker;
GRANT SELECT ON TABLE control.operation TO rapport_app;

GRANT UPDATE(recorded) ON TABLE control.operation TO rapport_app;

GRANT SELECT ON TABLE control.rebuild TO rapport_worker;
GRANT SELECT ON TABLE control.rebuild TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE control.share TO rapport_worker;
GRANT SELECT ON TABLE control.share TO rapport_app;

GRANT SELECT ON TABLE control.slice TO rapport_worker;
GRANT SELECT ON TABLE control.slice TO rapport_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE control.worker TO rapport_worker;
GRANT SELECT ON TABLE control.worker TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.consent TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.consent TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.contact TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.contact TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.customer TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.customer TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.entry TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.entry TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.interaction TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.interaction TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.opportunity TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.opportunity TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.person TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.person TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE customer_360_v1.service_case TO rapport_worker;
GRANT SELECT ON TABLE customer_360_v1.service_case TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE identity_v1.link TO rapport_worker;
GRANT SELECT ON TABLE identity_v1.link TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE identity_v1.link_version TO rapport_worker;
GRANT SELECT ON TABLE identity_v1.link_version TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE identity_v1.moved TO rapport_worker;
GRANT SELECT ON TABLE identity_v1.moved TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE identity_v1.moved_version TO rapport_worker;
GRANT SELECT ON TABLE identity_v1.moved_version TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE pipeline_v1.opportunity TO rapport_worker;
GRANT SELECT ON TABLE pipeline_v1.opportunity TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE pipeline_v1.opportunity_version TO rapport_worker;
GRANT SELECT ON TABLE pipeline_v1.opportunity_version TO rapport_app;

GRANT SELECT,INSERT,UPDATE ON TABLE service_history_v1."case" TO rapport_worker;
GRANT SELECT ON TABLE service_history_v1."case" TO rapport_app;

GRANT SELECT ON TABLE read.backlog TO rapport_worker;
GRANT SELECT ON TABLE read.backlog TO rapport_app;
GRANT SELECT ON TABLE read.backlog TO rapport_reader;

GRANT SELECT ON TABLE read.board TO rapport_worker;
GRANT SELECT ON TABLE read.board TO rapport_app;
GRANT SELECT ON TABLE read.board TO rapport_reader;

GRANT SELECT ON TABLE read."case" TO rapport_worker;
GRANT SELECT ON TABLE read."case" TO rapport_app;
GRANT SELECT ON TABLE read."case" TO rapport_reader;

GRANT SELECT ON TABLE read.case_times TO rapport_worker;
GRANT SELECT ON TABLE read.case_times TO rapport_app;
GRANT SELECT ON TABLE read.case_times TO rapport_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE service_history_v1.case_version TO rapport_worker;
GRANT SELECT ON TABLE service_history_v1.case_version TO rapport_app;

GRANT SELECT ON TABLE read.case_version TO rapport_worker;
GRANT SELECT ON TABLE read.case_version TO rapport_app;
GRANT SELECT ON TABLE read.case_version TO rapport_reader;

GRANT SELECT ON TABLE read.complaint TO rapport_worker;
GRANT SELECT ON TABLE read.complaint TO rapport_app;
GRANT SELECT ON TABLE read.complaint TO rapport_reader;

GRANT SELECT ON TABLE read.identity TO rapport_worker;
GRANT SELECT ON TABLE read.identity TO rapport_app;
GRANT SELECT ON TABLE read.identity TO rapport_reader;

GRANT SELECT ON TABLE read.consent TO rapport_worker;
GRANT SELECT ON TABLE read.consent TO rapport_app;
GRANT SELECT ON TABLE read.consent TO rapport_reader;

GRANT SELECT ON TABLE read.contact TO rapport_worker;
GRANT SELECT ON TABLE read.contact TO rapport_app;
GRANT SELECT ON TABLE read.contact TO rapport_reader;

GRANT SELECT ON TABLE read.customer TO rapport_worker;
GRANT SELECT ON TABLE read.customer TO rapport_app;
GRANT SELECT ON TABLE read.customer TO rapport_reader;

GRANT SELECT ON TABLE read.identity_moved TO rapport_worker;
GRANT SELECT ON TABLE read.identity_moved TO rapport_app;
GRANT SELECT ON TABLE read.identity_moved TO rapport_reader;

GRANT SELECT ON TABLE read.customer_summary TO rapport_worker;
GRANT SELECT ON TABLE read.customer_summary TO rapport_app;
GRANT SELECT ON TABLE read.customer_summary TO rapport_reader;

GRANT SELECT ON TABLE read.forecast TO rapport_worker;
GRANT SELECT ON TABLE read.forecast TO rapport_app;
GRANT SELECT ON TABLE read.forecast TO rapport_reader;

GRANT SELECT ON TABLE read.last_contact TO rapport_worker;
GRANT SELECT ON TABLE read.last_contact TO rapport_app;
GRANT SELECT ON TABLE read.last_contact TO rapport_reader;

GRANT SELECT ON TABLE read.opportunity TO rapport_worker;
GRANT SELECT ON TABLE read.opportunity TO rapport_app;
GRANT SELECT ON TABLE read.opportunity TO rapport_reader;

GRANT SELECT ON TABLE read.opportunity_change TO rapport_worker;
GRANT SELECT ON TABLE read.opportunity_change TO rapport_app;
GRANT SELECT ON TABLE read.opportunity_change TO rapport_reader;

GRANT SELECT ON TABLE read.opportunity_version TO rapport_worker;
GRANT SELECT ON TABLE read.opportunity_version TO rapport_app;
GRANT SELECT ON TABLE read.opportunity_version TO rapport_reader;

GRANT SELECT ON TABLE read.outcome TO rapport_worker;
GRANT SELECT ON TABLE read.outcome TO rapport_app;
GRANT SELECT ON TABLE read.outcome TO rapport_reader;

GRANT SELECT ON TABLE read.person TO rapport_worker;
GRANT SELECT ON TABLE read.person TO rapport_app;

GRANT SELECT ON TABLE read.reopening TO rapport_worker;
GRANT SELECT ON TABLE read.reopening TO rapport_app;
GRANT SELECT ON TABLE read.reopening TO rapport_reader;

GRANT SELECT ON TABLE read.reported_sla TO rapport_worker;
GRANT SELECT ON TABLE read.reported_sla TO rapport_app;
GRANT SELECT ON TABLE read.reported_sla TO rapport_reader;

GRANT SELECT ON TABLE read.timeline TO rapport_worker;
GRANT SELECT ON TABLE read.timeline TO rapport_app;
GRANT SELECT ON TABLE read.timeline TO rapport_reader;
