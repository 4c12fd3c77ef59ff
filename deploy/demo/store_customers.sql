-- What the imports of purchases and cases recorded, by their claims and references, whoever recorded what else.
WITH records AS (
    SELECT source, count(*) AS number FROM store.claim
    WHERE source IN ('cdnow-customer', 'incidents-caller', 'incidents-case') GROUP BY source
), purchases AS (
    SELECT (encoded #>> '{data,amount,amount}')::numeric AS amount,
           (encoded #>> '{data,items,0,quantity}')::numeric AS number
    FROM (
        SELECT convert_from(event, 'UTF8')::jsonb AS encoded FROM store.event
        WHERE type = 'crm.interaction.recorded'
    ) recorded
    WHERE encoded #>> '{data,reference,source}' = 'cdnow'
), cases AS (
    SELECT event.aggregate_id AS id, event.type, convert_from(event.event, 'UTF8')::jsonb AS encoded
    FROM store.claim JOIN store.event ON event.aggregate_id = claim.id
    WHERE claim.source = 'incidents-case'
)
SELECT coalesce((SELECT number FROM records WHERE source = 'cdnow-customer'), 0)    AS "shop customers",
       coalesce((SELECT number FROM records WHERE source = 'incidents-caller'), 0)  AS "callers",
       coalesce((SELECT number FROM records WHERE source = 'incidents-case'), 0)    AS "cases",
       (SELECT count(*) FROM purchases)                                             AS "purchases",
       (SELECT coalesce(sum(amount), 0) FROM purchases)                             AS "purchase value",
       (SELECT count(*) FROM purchases WHERE amount = 0)                            AS "purchases of value 0",
       (SELECT coalesce(sum(number), 0) FROM purchases)                             AS "CDs",
       (SELECT count(DISTINCT id) FROM cases WHERE type = 'crm.case.closed')        AS "cases closed",
       (SELECT count(DISTINCT id) FROM cases WHERE type = 'crm.case.reopened')      AS "cases reopened",
       (SELECT count(*) FROM cases WHERE type = 'crm.case.reopened')                AS "reopenings",
       (SELECT count(DISTINCT id) FROM cases
        WHERE type = 'crm.case.closed' AND encoded #>> '{data,reported_sla}' = 'false')
                                                                                    AS "SLA missed by the log"
