-- The consents of a customer's contacts, those in force first.
SELECT c.contact_id, c.point_id, c.purpose, c.legal_basis, c.source, c.double_opt_in, c.given_at, c.valid_until,
       c.withdrawn_at, c.withdrawn_source, c.is_active, c.updated_at, count(*) OVER () AS of
FROM read.consent c
WHERE c.party = ANY (%(members)s::uuid[])
ORDER BY c.is_active DESC, c.updated_at DESC, c.id
LIMIT %(limit)s
