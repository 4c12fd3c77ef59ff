-- The public SQL contract of `pipeline`. Columns are only ever appended and never change their type.
CREATE OR REPLACE VIEW read.opportunity AS
SELECT id, version, party, pipeline, stage, outcome, probability, probability_overridden,
       amount, currency, rate, amount * rate AS amount_reporting,
       amount * rate * probability / 100 AS amount_weighted,
       customer_id, owner_id, product_id, forecast_category, expected_close,
       opened_at, stage_entered_at, closed_at, lost_reason, competitor, imported, team, products,
       time, recorded, recorded AS updated_at, position, reopened::int AS reopened
FROM pipeline_v2.opportunity;

CREATE OR REPLACE VIEW read.opportunity_version AS
SELECT id, version, party, pipeline, stage, outcome, probability, probability_overridden,
       amount, currency, rate, amount * rate AS amount_reporting,
       amount * rate * probability / 100 AS amount_weighted,
       customer_id, owner_id, product_id, forecast_category, expected_close,
       opened_at, stage_entered_at, closed_at, lost_reason, competitor, imported, team, products,
       time, recorded, recorded AS updated_at, position, reopened::int AS reopened
FROM pipeline_v2.opportunity_version;
