-- The opportunities of a pipeline that changed since a time, as they were known then and as they are, in the
-- order of their last change. Amounts in the reporting currency; what was not there then has nothing before.
SELECT n.id, n.version, n.recorded, o.stage AS stage_before, n.stage, o.outcome AS outcome_before, n.outcome,
       o.amount * o.rate AS amount_before, n.amount * n.rate AS amount
FROM pipeline_v1.opportunity n
LEFT JOIN LATERAL (
    SELECT v.stage, v.outcome, v.amount, v.rate
    FROM pipeline_v1.opportunity_version v
    WHERE v.id = n.id AND v.recorded <= %(since)s::timestamptz
    ORDER BY v.version DESC
    LIMIT 1
) AS o ON true
WHERE n.pipeline = %(pipeline)s AND n.recorded > %(since)s::timestamptz
  AND (%(after_time)s::timestamptz IS NULL
       OR (n.recorded, n.id) > (%(after_time)s::timestamptz, %(after_id)s::uuid))
ORDER BY n.recorded, n.id
LIMIT %(limit)s
