-- The customer that each of these parties belongs to now, as in views.sql, but from this version's own table. A
-- view may show another version meanwhile; the request must go on with the rows it began with.
SELECT l.party,
       CASE WHEN l.target IS NULL THEN CASE WHEN l.kind = 'customer' THEN l.party END
            ELSE coalesce((
                WITH RECURSIVE up (party, depth) AS (
                    SELECT l.target, 1
                    UNION ALL
                    SELECT n.target, up.depth + 1
                    FROM up JOIN identity_v1.link n ON n.party = up.party
                    WHERE n.target IS NOT NULL
                ) CYCLE party SET looped USING walked
                SELECT up.party FROM up
                WHERE NOT EXISTS (SELECT 1 FROM up again WHERE again.looped)
                ORDER BY up.depth DESC LIMIT 1
            ), CASE WHEN l.kind = 'customer' THEN l.party END)
       END AS customer_id
FROM identity_v1.link l
WHERE l.party = ANY (%(parties)s::uuid[])
