-- Imported cases as the public views give them; runs as the read-only role.
SELECT count(*)                                              AS "cases",
       count(*) FILTER (WHERE state = 'closed')              AS "cases closed",
       count(*) FILTER (WHERE reopened > 0)                  AS "cases reopened",
       coalesce(sum(reopened), 0)                            AS "reopenings",
       count(*) FILTER (WHERE NOT reported_sla)              AS "SLA missed by the log"
FROM read."case"
WHERE imported
