-- Open cases by queue and priority, most urgent first. The age is taken at the query's now.
SELECT queue, priority, count(*), min(opened_at),
       extract(epoch FROM avg(now() - opened_at))::float8
FROM service_history_v1."case"
WHERE open
GROUP BY queue, priority
ORDER BY priority, queue NULLS LAST
