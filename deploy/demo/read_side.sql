-- The import's figures as the public views give them; runs as the read-only role.
SELECT count(*)                                                                AS "opportunities",
       count(*) FILTER (WHERE outcome = 'won')                                 AS "won",
       coalesce(sum(amount) FILTER (WHERE outcome = 'won'), 0)                 AS "won value",
       count(*) FILTER (WHERE outcome = 'lost')                                AS "lost",
       count(*) FILTER (WHERE stage = 'engaging')                              AS "engaging",
       count(*) FILTER (WHERE stage = 'prospecting')                           AS "prospecting",
       coalesce(sum(amount) FILTER (WHERE outcome = 'open'), 0)                AS "open at list price",
       count(*) FILTER (WHERE identity.customer_id IS NULL)                    AS "without a customer"
FROM read.opportunity
LEFT JOIN read.identity USING (party)
WHERE pipeline = %(pipeline)s
