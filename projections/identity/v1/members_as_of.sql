-- All parties that were one customer as of a time. A party that was ever linked to another may have had another
-- link then, or none: only its highest version until then counts. UNION drops double rows, so a loop ends the walk.
WITH RECURSIVE down (party) AS (
    SELECT %(customer)s::uuid
    UNION
    SELECT ever.party
    FROM down
    JOIN identity_v1.link_version ever ON ever.target = down.party
    CROSS JOIN LATERAL (
        SELECT v.target
        FROM identity_v1.link_version v
        WHERE v.party = ever.party
          AND (%(as_of)s::timestamptz IS NULL OR v.since <= %(as_of)s::timestamptz)
          AND (%(known_at)s::timestamptz IS NULL OR v.recorded <= %(known_at)s::timestamptz)
        ORDER BY v.version DESC
        LIMIT 1
    ) AS link_then
    WHERE link_then.target = down.party
)
SELECT party FROM down ORDER BY party = %(customer)s::uuid DESC, party
