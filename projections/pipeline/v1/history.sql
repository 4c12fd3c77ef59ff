-- One opportunity's versions, oldest first.
SELECT version, time, recorded, position, stage, outcome, probability, amount, currency, rate, owner_id,
       forecast_category, expected_close, lost_reason, competitor
FROM pipeline_v1.opportunity_version
WHERE id = %(id)s AND version > %(after)s
ORDER BY version
LIMIT %(limit)s
