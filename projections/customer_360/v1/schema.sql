-- customer_360, version 1. Rows are written under the id of their own aggregate, or under an event's position;
-- whose they are now (after merges, conversions, links made later) comes from read.identity.
-- time columns are business times; `recorded` is when the row's last event was recorded, `position` its place.
CREATE SCHEMA customer_360_v1;

-- name of an organisation is open, that of a person stands in `person`. search: its words, for look-ups by the
-- beginning of a word. tags: JSON array; attributes, preferences: JSON objects; external_references:
-- [{source, external_id}].
CREATE TABLE customer_360_v1.customer (
    id                  uuid        NOT NULL,
    version             int         NOT NULL,
    position            bigint      NOT NULL,
    recorded            timestamptz NOT NULL,
    kind                text        NOT NULL CHECK (kind IN ('person', 'organisation')),
    state               text        NOT NULL CHECK (state IN ('active', 'merged')),
    survivor_id         uuid,
    organisation_name   text,
    search              text        NOT NULL,
    parent_id           uuid,
    owner_id            uuid,
    attributes          jsonb       NOT NULL,
    tags                jsonb       NOT NULL,
    external_references jsonb       NOT NULL,
    registered_at       timestamptz NOT NULL,
    preferences         jsonb       NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX customer_words ON customer_360_v1.customer
    USING gin (array_to_tsvector(string_to_array(search, ' ')));
CREATE INDEX customer_references ON customer_360_v1.customer
    USING gin (external_references jsonb_path_ops);

-- The only clear private values of the read side: of customers that are persons, contacts and leads (kind).
-- points: [{point_id, kind, value}]. erased: the key is destroyed; the row then holds nothing and never will.
CREATE TABLE customer_360_v1.person (
    id       uuid        NOT NULL,
    version  int         NOT NULL,
    position bigint      NOT NULL,
    party    uuid        NOT NULL,
    kind     text        NOT NULL,
    name     text,
    email    text,
    phone    text,
    points   jsonb       NOT NULL,
    search   text        NOT NULL,
    erased   boolean     NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX person_words ON customer_360_v1.person
    USING gin (array_to_tsvector(string_to_array(search, ' ')));

-- points: [{point_id, kind, verified_at?, method?, removed_at?}]; their values stand in `person`.
CREATE TABLE customer_360_v1.contact (
    id                  uuid        NOT NULL,
    version             int         NOT NULL,
    position            bigint      NOT NULL,
    recorded            timestamptz NOT NULL,
    party               uuid        NOT NULL,
    customer_id         uuid        NOT NULL,
    role                text,
    points              jsonb       NOT NULL,
    external_references jsonb       NOT NULL,
    registered_at       timestamptz NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX contact_party ON customer_360_v1.contact (party, registered_at, id);

-- The latest consent for a contact point and a purpose. id: <contact>:<point>:<purpose>.
CREATE TABLE customer_360_v1.consent (
    id               text        NOT NULL,
    version          int         NOT NULL,
    position         bigint      NOT NULL,
    recorded         timestamptz NOT NULL,
    party            uuid        NOT NULL,
    contact_id       uuid        NOT NULL,
    point_id         uuid        NOT NULL,
    purpose          text        NOT NULL,
    legal_basis      text,
    source           text        NOT NULL,
    double_opt_in    boolean     NOT NULL,
    given_at         timestamptz,
    valid_until      timestamptz,
    withdrawn_at     timestamptz,
    withdrawn_source text,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX consent_party ON customer_360_v1.consent (party, id);

-- rate leads to the reporting currency. outcome: open, won, lost.
CREATE TABLE customer_360_v1.opportunity (
    id             uuid        NOT NULL,
    version        int         NOT NULL,
    position       bigint      NOT NULL,
    recorded       timestamptz NOT NULL,
    party          uuid        NOT NULL,
    customer_id    uuid,
    pipeline       text        NOT NULL,
    stage          text        NOT NULL,
    outcome        text        NOT NULL CHECK (outcome IN ('open', 'won', 'lost')),
    amount         numeric,
    currency       text,
    rate           numeric,
    owner_id       uuid,
    expected_close date,
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX opportunity_party ON customer_360_v1.opportunity (party, outcome, opened_at, id);

-- A case of the service desk. priority: 1 (most urgent) to 4. is_open: not resolved, closed, rejected, duplicate.
CREATE TABLE customer_360_v1.service_case (
    id          uuid        NOT NULL,
    version     int         NOT NULL,
    position    bigint      NOT NULL,
    recorded    timestamptz NOT NULL,
    party       uuid        NOT NULL,
    customer_id uuid,
    kind        text        NOT NULL,
    state       text        NOT NULL,
    is_open     boolean     NOT NULL,
    priority    int         NOT NULL,
    queue       text,
    owner_id    uuid,
    category    text,
    product     text,
    opened_at   timestamptz NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX service_case_party ON customer_360_v1.service_case (party, is_open, opened_at, id);

-- One row per interaction with every correction made: what totals are summed over, so that a correction, a
-- merge, or a link to another customer corrects no other table.
CREATE TABLE customer_360_v1.interaction (
    id               uuid        NOT NULL,
    version          int         NOT NULL,
    position         bigint      NOT NULL,
    recorded         timestamptz NOT NULL,
    party            uuid        NOT NULL,
    customer_id      uuid,
    contact_id       uuid,
    kind             text        NOT NULL,
    direction        text        NOT NULL,
    channel          text        NOT NULL,
    occurred         timestamptz NOT NULL,
    duration_seconds int,
    amount           numeric,
    currency         text,
    rate             numeric,
    survey_question  text,
    survey_score     int,
    opportunity_id   uuid,
    case_id          uuid,
    corrections      int         NOT NULL,
    source           text        NOT NULL,
    external_id      text        NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 90);

CREATE INDEX interaction_party ON customer_360_v1.interaction (party);

-- The timeline: a row per event, only ever inserted. kind: of interactions theirs (call, purchase, ...), else
-- the family (customer, contact, lead, opportunity, case). title and changes hold nothing private; has_text: the
-- event has free text, which stays the event's ciphertext. cause: id of the event that caused it.
CREATE TABLE customer_360_v1.entry (
    position   bigint      NOT NULL,
    party      uuid        NOT NULL,
    subject_id uuid        NOT NULL,
    version    int         NOT NULL,
    type       text        NOT NULL,
    kind       text        NOT NULL,
    occurred   timestamptz NOT NULL,
    recorded   timestamptz NOT NULL,
    title      text        NOT NULL,
    channel    text,
    actor_id   uuid        NOT NULL,
    actor_kind text        NOT NULL,
    cause      text,
    changes    jsonb       NOT NULL,
    has_text   boolean     NOT NULL,
    PRIMARY KEY (position)
);

-- Newest first: of a party, of one kind or one channel of it, of one record.
CREATE INDEX entry_party ON customer_360_v1.entry (party, occurred, position);
CREATE INDEX entry_kind ON customer_360_v1.entry (party, kind, occurred, position);
CREATE INDEX entry_channel ON customer_360_v1.entry (party, channel, occurred, position)
    WHERE channel IS NOT NULL;
CREATE INDEX entry_subject ON customer_360_v1.entry (subject_id);
