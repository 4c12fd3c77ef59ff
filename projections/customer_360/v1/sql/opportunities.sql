-- A customer's open opportunities, the newest first.
SELECT id, version, pipeline, stage, amount, currency, amount * rate AS amount_reporting, owner_id,
       expected_close, opened_at, recorded AS updated_at, count(*) OVER () AS of
FROM (
    SELECT * FROM customer_360_v1.opportunity
    WHERE party = ANY (%(members)s::uuid[]) AND outcome = 'open' AND id <> ALL (%(away)s::uuid[])
    UNION ALL
    SELECT * FROM customer_360_v1.opportunity WHERE id = ANY (%(incoming)s::uuid[]) AND outcome = 'open'
) AS mine
ORDER BY opened_at DESC, id
LIMIT %(limit)s
