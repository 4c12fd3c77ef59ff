-- The board as of a business time, as known at a time, or both.
-- Neither time ever goes back within an opportunity, so the versions until then are a prefix, and the highest is
-- the state then. Owner, team and period filter that state, not earlier ones: so they are outside the inner query.
SELECT stage, outcome, count(*),
       coalesce(sum(amount * rate), 0),
       coalesce(sum(amount * rate * probability / 100), 0),
       (extract(epoch FROM avg(coalesce(%(as_of)s::timestamptz, %(known_at)s::timestamptz) - stage_entered_at)
                           FILTER (WHERE outcome = 'open')))::float8,
       count(*) FILTER (WHERE outcome = 'open'
                          AND stage_entered_at < coalesce(%(as_of)s::timestamptz, %(known_at)s::timestamptz)
                                                 - make_interval(days => %(stale_days)s::int))
FROM (
    SELECT DISTINCT ON (id) stage, outcome, amount, rate, probability, stage_entered_at, owner_id, team,
           closed_at, expected_close
    FROM pipeline_v1.opportunity_version
    WHERE pipeline = %(pipeline)s
      AND (%(as_of)s::timestamptz IS NULL OR time <= %(as_of)s::timestamptz)
      AND (%(known_at)s::timestamptz IS NULL OR recorded <= %(known_at)s::timestamptz)
    ORDER BY id, version DESC
) AS state_then
WHERE (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s::uuid)
  AND (%(team_member_id)s::uuid IS NULL OR team @> to_jsonb(%(team_member_id)s::uuid::text))
  AND (%(closing_since)s::date IS NULL
       OR coalesce((closed_at AT TIME ZONE 'UTC')::date, expected_close) >= %(closing_since)s::date)
  AND (%(closing_until)s::date IS NULL
       OR coalesce((closed_at AT TIME ZONE 'UTC')::date, expected_close) < %(closing_until)s::date)
GROUP BY stage, outcome
ORDER BY stage, outcome
