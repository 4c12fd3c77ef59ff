-- As of a time, records that had moved alone: into these parties (true), or out of them (false).
SELECT id, customer_id = ANY (%(members)s::uuid[])
FROM (
    SELECT DISTINCT ON (id) id, party, customer_id
    FROM identity_v1.moved_version
    WHERE id IN (
              SELECT id FROM identity_v1.moved_version
              WHERE party = ANY (%(members)s::uuid[]) OR customer_id = ANY (%(members)s::uuid[])
          )
      AND (%(as_of)s::timestamptz IS NULL OR since <= %(as_of)s::timestamptz)
      AND (%(known_at)s::timestamptz IS NULL OR recorded <= %(known_at)s::timestamptz)
    ORDER BY id, version DESC
) AS moved_then
WHERE (party = ANY (%(members)s::uuid[]) OR customer_id = ANY (%(members)s::uuid[]))
  AND NOT (party = ANY (%(members)s::uuid[]) AND customer_id = ANY (%(members)s::uuid[]))
ORDER BY id
