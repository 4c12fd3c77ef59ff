-- The public SQL contract of `identity`: every party with the customer it belongs to now, following merges
-- and links to their end. customer_id is null for a lead or a record that belongs to no customer.
-- The walk is a subquery per row, so that a filter on party reads a few rows by index, not the whole table.
-- Shares move one by one: for a moment A -> B may still stand while B -> A already does, hence CYCLE; such a
-- party shows as its own customer until the other row arrives.
CREATE OR REPLACE VIEW read.identity AS
SELECT l.party,
       CASE WHEN l.target IS NULL THEN CASE WHEN l.kind = 'customer' THEN l.party END
            ELSE coalesce((
                WITH RECURSIVE up (party, depth) AS (
                    SELECT l.target, 1
                    UNION ALL
                    SELECT n.target, up.depth + 1
                    FROM up JOIN identity_v1.link n ON n.party = up.party
                    WHERE n.target IS NOT NULL
                ) CYCLE party SET looped USING walked
                SELECT up.party FROM up
                WHERE NOT EXISTS (SELECT 1 FROM up again WHERE again.looped)
                ORDER BY up.depth DESC LIMIT 1
            ), CASE WHEN l.kind = 'customer' THEN l.party END)
       END AS customer_id
FROM identity_v1.link l;

-- Records that stand in one customer's party and were given to another customer later: theirs is customer_id.
CREATE OR REPLACE VIEW read.identity_moved AS
SELECT id, kind, party, customer_id, since
FROM identity_v1.moved
WHERE customer_id <> party;
