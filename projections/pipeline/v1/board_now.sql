-- The board as it is now. The age in a stage is taken at the query's now, for open opportunities.
SELECT stage, outcome, count(*),
       coalesce(sum(amount * rate), 0),
       coalesce(sum(amount * rate * probability / 100), 0),
       (extract(epoch FROM avg(now() - stage_entered_at) FILTER (WHERE outcome = 'open')))::float8,
       count(*) FILTER (WHERE outcome = 'open'
                          AND stage_entered_at < now() - make_interval(days => %(stale_days)s::int))
FROM pipeline_v1.opportunity
WHERE pipeline = %(pipeline)s AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s::uuid)
  AND (%(team_member_id)s::uuid IS NULL OR team @> to_jsonb(%(team_member_id)s::uuid::text))
  AND (%(closing_since)s::date IS NULL
       OR coalesce((closed_at AT TIME ZONE 'UTC')::date, expected_close) >= %(closing_since)s::date)
  AND (%(closing_until)s::date IS NULL
       OR coalesce((closed_at AT TIME ZONE 'UTC')::date, expected_close) < %(closing_until)s::date)
GROUP BY stage, outcome
ORDER BY stage, outcome
