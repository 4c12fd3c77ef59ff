-- The contacts of all that is one customer, with clear names and the points in use.
SELECT c.id, c.version, c.party, p.name, coalesce(p.erased, false) AS erased, c.role,
       coalesce((
           SELECT jsonb_agg(point || coalesce((
                      SELECT jsonb_build_object('value', clear -> 'value')
                      FROM jsonb_array_elements(p.points) AS clear
                      WHERE clear -> 'point_id' = point -> 'point_id'
                  ), '{}') ORDER BY number)
           FROM jsonb_array_elements(c.points) WITH ORDINALITY AS each (point, number)
           WHERE NOT point ? 'removed_at'
       ), '[]') AS points,
       c.external_references, c.registered_at, c.recorded AS updated_at, count(*) OVER () AS of
FROM customer_360_v1.contact c
LEFT JOIN customer_360_v1.person p ON p.id = c.id
WHERE c.party = ANY (%(members)s::uuid[])
ORDER BY c.registered_at, c.id
LIMIT %(limit)s
