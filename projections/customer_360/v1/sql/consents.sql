-- The consents of a customer's contacts, those in force first. is_active: as in views.sql.
SELECT contact_id, point_id, purpose, legal_basis, source, double_opt_in, given_at, valid_until, withdrawn_at,
       withdrawn_source, is_active, recorded AS updated_at, count(*) OVER () AS of
FROM (
    SELECT c.*,
           c.given_at IS NOT NULL AND c.withdrawn_at IS NULL
               AND (c.valid_until IS NULL OR c.valid_until > now())
               AND NOT EXISTS (
                   SELECT FROM customer_360_v1.contact p, jsonb_array_elements(p.points) AS point
                   WHERE p.id = c.contact_id AND point ->> 'point_id' = c.point_id::text AND point ? 'removed_at'
               ) AS is_active
    FROM customer_360_v1.consent c
    WHERE c.party = ANY (%(members)s::uuid[])
) AS mine
ORDER BY is_active DESC, recorded DESC, id
LIMIT %(limit)s
