-- What the import recorded, by the claims of its sources; and all events, whoever recorded them.
WITH kinds AS (
    SELECT claim.source, count(DISTINCT claim.id) AS records, count(event.position) AS events
    FROM store.claim
    JOIN store.event ON event.aggregate_id = claim.id
    WHERE claim.source = ANY (%(sources)s)
    GROUP BY claim.source
)
SELECT coalesce((SELECT records FROM kinds WHERE source = 'maven-principal'), 0) AS "principals",
       coalesce((SELECT records FROM kinds WHERE source = 'maven-account'), 0)   AS "customers",
       coalesce((SELECT records FROM kinds WHERE source = 'maven-product'), 0)   AS "products",
       coalesce((SELECT sum(events) FROM kinds), 0)                              AS "events",
       (SELECT count(*) FROM store.event)                                        AS "all events"
