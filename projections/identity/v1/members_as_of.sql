-- All parties that were one customer at the cut. Whoever was linked to a party at any time may have been linked
-- elsewhere, or to nobody, at the cut: only its highest version before that counts. UNION drops rows seen before,
-- so a loop ends the walk.
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
    ) AS cut
    WHERE cut.target = down.party
)
SELECT party FROM down ORDER BY party = %(customer)s::uuid DESC, party
