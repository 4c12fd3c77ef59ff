-- The customer itself, with its clear name where it is a person.
SELECT c.id, c.version, c.kind, coalesce(c.organisation_name, p.name) AS name, coalesce(p.erased, false) AS erased,
       c.state, c.survivor_id, c.parent_id, c.owner_id, c.tags, c.attributes, c.external_references,
       c.registered_at, c.recorded AS updated_at, c.position, c.preferences
FROM customer_360_v1.customer c
LEFT JOIN customer_360_v1.person p ON p.id = c.id
WHERE c.id = ANY (%(ids)s::uuid[])
ORDER BY c.id = %(first)s::uuid DESC, c.registered_at, c.id
