-- The board as it is now. The age in a stage is taken at the query's now, for open opportunities.
SELECT stage, outcome, count(*),
       coalesce(sum(amount * rate), 0),
       coalesce(sum(amount * rate * probability / 100), 0),
       (extract(epoch FROM avg(now() - stage_entered_at) FILTER (WHERE outcome = 'open')))::float8
FROM pipeline_v1.opportunity
WHERE pipeline = %(pipeline)s AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s::uuid)
GROUP BY stage, outcome
ORDER BY stage, outcome
