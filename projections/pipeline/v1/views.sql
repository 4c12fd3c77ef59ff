-- The public SQL contract of `pipeline`. Columns are only ever appended and never change their type.
CREATE OR REPLACE VIEW read.opportunity AS
SELECT id, version, party, pipeline, stage, outcome, probability, probability_overridden,
       amount, currency, rate, amount * rate AS amount_reporting,
       amount * rate * probability / 100 AS amount_weighted,
       customer_id, owner_id, product_id, forecast_category, expected_close,
       opened_at, stage_entered_at, closed_at, lost_reason, competitor, imported, team, products,
       time, recorded, recorded AS updated_at, position
FROM pipeline_v1.opportunity;

CREATE OR REPLACE VIEW read.opportunity_version AS
SELECT id, version, party, pipeline, stage, outcome, probability, probability_overridden,
       amount, currency, rate, amount * rate AS amount_reporting,
       amount * rate * probability / 100 AS amount_weighted,
       customer_id, owner_id, product_id, forecast_category, expected_close,
       opened_at, stage_entered_at, closed_at, lost_reason, competitor, imported, team, products,
       time, recorded, recorded AS updated_at, position
FROM pipeline_v1.opportunity_version;

-- The board by its dimensions: sum rows for a stage, an owner, a team or a period. closing_on: the
-- day on which it closed (UTC), else is expected to. Amounts in the reporting currency. age: of open ones, the time
-- since they entered their stage, summed (over `opportunities` it is the mean); stale: longer than 30 days in it.
CREATE OR REPLACE VIEW read.board AS
SELECT pipeline, stage, outcome, owner_id, team,
       coalesce((closed_at AT TIME ZONE 'UTC')::date, expected_close) AS closing_on,
       count(*) AS opportunities,
       coalesce(sum(amount * rate), 0) AS amount,
       coalesce(sum(amount * rate * probability / 100), 0) AS amount_weighted,
       sum(now() - stage_entered_at) FILTER (WHERE outcome = 'open') AS age,
       count(*) FILTER (WHERE outcome = 'open' AND stage_entered_at < now() - interval '30 days') AS stale
FROM pipeline_v1.opportunity
GROUP BY pipeline, stage, outcome, owner_id, team, closing_on;

-- Won and lost by reason and competitor, and the day on which they closed (UTC); in the reporting currency.
CREATE OR REPLACE VIEW read.outcome AS
SELECT pipeline, outcome, lost_reason, competitor, owner_id, (closed_at AT TIME ZONE 'UTC')::date AS closed_on,
       count(*) AS opportunities, coalesce(sum(amount * rate), 0) AS amount
FROM pipeline_v1.opportunity
WHERE outcome <> 'open'
GROUP BY pipeline, outcome, lost_reason, competitor, owner_id, closed_on;

-- What is open by the month in which it is expected to close (its first day; null: no day is named).
CREATE OR REPLACE VIEW read.forecast AS
SELECT pipeline, date_trunc('month', expected_close::timestamp)::date AS month, forecast_category, owner_id,
       count(*) AS opportunities, coalesce(sum(amount * rate), 0) AS amount,
       coalesce(sum(amount * rate * probability / 100), 0) AS amount_weighted
FROM pipeline_v1.opportunity
WHERE outcome = 'open'
GROUP BY pipeline, month, forecast_category, owner_id;

-- Every change with what was before it; what changed since a date are those recorded later. In the reporting
-- currency; the first version has nothing before.
CREATE OR REPLACE VIEW read.opportunity_change AS
SELECT n.pipeline, n.id, n.version, n.time, n.recorded, o.stage AS stage_before, n.stage,
       o.outcome AS outcome_before, n.outcome, o.amount * o.rate AS amount_before, n.amount * n.rate AS amount,
       n.position
FROM pipeline_v1.opportunity_version n
LEFT JOIN LATERAL (
    SELECT v.stage, v.outcome, v.amount, v.rate
    FROM pipeline_v1.opportunity_version v
    WHERE v.id = n.id AND v.version < n.version
    ORDER BY v.version DESC
    LIMIT 1
) AS o ON true;
