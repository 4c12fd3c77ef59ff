-- All parties that are one customer. UNION drops rows seen before, so a loop (two shares at different
-- positions) ends the walk.
WITH RECURSIVE down (party) AS (
    SELECT %(customer)s::uuid
    UNION
    SELECT l.party FROM down JOIN identity_v1.link l ON l.target = down.party
)
SELECT party FROM down ORDER BY party = %(customer)s::uuid DESC, party
