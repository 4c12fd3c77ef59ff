-- The board as of a business time, as known at a time, or both.
-- Neither time ever goes back within an opportunity, so the cut leaves a prefix and its highest version is the
-- state then. The owner is asked of that state, not of earlier ones: hence outside the inner query.
SELECT stage, outcome, count(*),
       coalesce(sum(amount * rate), 0),
       coalesce(sum(amount * rate * probability / 100), 0),
       (extract(epoch FROM avg(coalesce(%(as_of)s::timestamptz, %(known_at)s::timestamptz) - stage_entered_at)
                           FILTER (WHERE outcome = 'open')))::float8
FROM (
    SELECT DISTINCT ON (id) stage, outcome, amount, rate, probability, stage_entered_at, owner_id
    FROM pipeline_v1.opportunity_version
    WHERE pipeline = %(pipeline)s
      AND (%(as_of)s::timestamptz IS NULL OR time <= %(as_of)s::timestamptz)
      AND (%(known_at)s::timestamptz IS NULL OR recorded <= %(known_at)s::timestamptz)
    ORDER BY id, version DESC
) AS cut
WHERE %(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s::uuid
GROUP BY stage, outcome
ORDER BY stage, outcome
