-- A customer's open cases, the most urgent first.
SELECT id, version, kind, state, priority, queue, owner_id, category, product, opened_at,
       recorded AS updated_at, count(*) OVER () AS of
FROM (
    SELECT * FROM customer_360_v1.service_case
    WHERE party = ANY (%(members)s::uuid[]) AND is_open AND id <> ALL (%(away)s::uuid[])
    UNION ALL
    SELECT * FROM customer_360_v1.service_case WHERE id = ANY (%(incoming)s::uuid[]) AND is_open
) AS mine
ORDER BY priority, opened_at, id
LIMIT %(limit)s
