-- Open opportunities of a pipeline by the month they are expected to close in, and forecast category.
SELECT date_trunc('month', expected_close)::date AS month, forecast_category, count(*),
       coalesce(sum(amount * rate), 0), coalesce(sum(amount * rate * probability / 100), 0)
FROM pipeline_v1.opportunity
WHERE pipeline = %(pipeline)s AND outcome = 'open'
  AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s::uuid)
GROUP BY 1, 2
ORDER BY month NULLS LAST, forecast_category
