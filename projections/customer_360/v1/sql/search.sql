-- Customers, contacts and leads whose name has, for each word asked for, one that begins with it, and customers
-- that another system knows by exactly this text. `asked` is null where the text has no words.
WITH hit AS (
    SELECT c.id, 'customer' AS kind, c.organisation_name AS name, c.id AS party, false AS personal,
           false AS by_reference
    FROM customer_360_v1.customer c
    WHERE array_to_tsvector(string_to_array(c.search, ' ')) @@ %(asked)s::tsquery
    UNION ALL
    SELECT p.id, p.kind, p.name, p.party, p.name IS NOT NULL, false
    FROM customer_360_v1.person p
    WHERE array_to_tsvector(string_to_array(p.search, ' ')) @@ %(asked)s::tsquery
    UNION ALL
    SELECT c.id, 'customer', coalesce(c.organisation_name, p.name), c.id, p.name IS NOT NULL, true
    FROM customer_360_v1.customer c
    LEFT JOIN customer_360_v1.person p ON p.id = c.id
    WHERE c.external_references @> jsonb_build_array(jsonb_build_object('external_id', %(text)s::text))
), one AS (
    SELECT DISTINCT ON (id) id, kind, name, party, personal, by_reference
    FROM hit
    ORDER BY id, by_reference DESC
), page AS (
    SELECT id, kind, name, party, personal, by_reference,
           CASE WHEN by_reference THEN 0 ELSE 1 END AS rank, lower(coalesce(name, '')) AS place
    FROM one
)
SELECT id, kind, name, party, personal, by_reference, rank, place
FROM page
WHERE %(after_rank)s::int IS NULL
   OR (rank, place, id) > (%(after_rank)s::int, %(after_place)s::text, %(after_id)s::uuid)
ORDER BY rank, place, id
LIMIT %(limit)s
