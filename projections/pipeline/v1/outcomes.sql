-- Won and lost of a pipeline by reason and competitor, of the opportunities closed in the period.
SELECT outcome, lost_reason, competitor, count(*), coalesce(sum(amount * rate), 0)
FROM pipeline_v1.opportunity
WHERE pipeline = %(pipeline)s AND outcome <> 'open'
  AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s::uuid)
  AND (%(since)s::timestamptz IS NULL OR closed_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR closed_at < %(until)s::timestamptz)
GROUP BY outcome, lost_reason, competitor
ORDER BY outcome DESC, count(*) DESC, lost_reason NULLS LAST, competitor NULLS LAST
