-- Records that moved alone: into these parties (true), or out of them (false).
SELECT id, customer_id = ANY (%(members)s::uuid[])
FROM identity_v1.moved
WHERE (party = ANY (%(members)s::uuid[]) OR customer_id = ANY (%(members)s::uuid[]))
  AND NOT (party = ANY (%(members)s::uuid[]) AND customer_id = ANY (%(members)s::uuid[]))
ORDER BY id
