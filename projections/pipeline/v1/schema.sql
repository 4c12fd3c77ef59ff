-- pipeline, version 1. Both tables have the same columns: `opportunity` is the newest version of each,
-- `opportunity_version` has one row per version, is only inserted into, and serves queries as of a time.
-- time: business time of the version's event; recorded: when it was recorded; position: its position.
-- amount is in `currency`; rate leads to the reporting currency (1 where the event names none).
-- probability: integer percent. outcome: open, won, lost. team: JSON array of principal ids;
-- products: JSON array of {product_id, quantity, price, discount}, as in the events.
CREATE SCHEMA pipeline_v1;

CREATE TABLE pipeline_v1.opportunity (
    id                     uuid        NOT NULL,
    version                int         NOT NULL,
    party                  uuid        NOT NULL,
    time                   timestamptz NOT NULL,
    recorded               timestamptz NOT NULL,
    position               bigint      NOT NULL,
    pipeline               text        NOT NULL,
    stage                  text        NOT NULL,
    outcome                text        NOT NULL CHECK (outcome IN ('open', 'won', 'lost')),
    probability            int         NOT NULL,
    probability_overridden boolean     NOT NULL,
    amount                 numeric,
    currency               text,
    rate                   numeric,
    customer_id            uuid,
    owner_id               uuid,
    product_id             uuid,
    forecast_category      text        NOT NULL,
    expected_close         date,
    opened_at              timestamptz NOT NULL,
    stage_entered_at       timestamptz NOT NULL,
    closed_at              timestamptz,
    lost_reason            text,
    competitor             text,
    imported               boolean     NOT NULL,
    team                   jsonb,
    products               jsonb,
    PRIMARY KEY (id)
) WITH (fillfactor = 80);

-- The orders of the list (keyset: the id breaks ties), and the board's grouping.
CREATE INDEX opportunity_updated ON pipeline_v1.opportunity (recorded, id);
CREATE INDEX opportunity_amount ON pipeline_v1.opportunity ((coalesce(amount, -1)), id);
CREATE INDEX opportunity_owner ON pipeline_v1.opportunity (owner_id, recorded, id);
CREATE INDEX opportunity_customer ON pipeline_v1.opportunity (customer_id, recorded, id);
CREATE INDEX opportunity_stage ON pipeline_v1.opportunity (pipeline, stage, recorded, id);

CREATE TABLE pipeline_v1.opportunity_version (
    LIKE pipeline_v1.opportunity,
    PRIMARY KEY (id, version)
);
