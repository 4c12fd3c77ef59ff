-- Times of the cases opened in the period, by priority, in seconds. Resolution without the time on hold. By the
-- clock: business time comes with the calendars of service levels.
WITH measured AS (
    SELECT priority,
           extract(epoch FROM responded_at - opened_at)::float8 AS response,
           extract(epoch FROM first_resolved_at - opened_at)::float8 AS first_resolution,
           (extract(epoch FROM resolved_at - opened_at) - held_us / 1e6)::float8 AS resolution
    FROM service_history_v1."case"
    WHERE (%(since)s::timestamptz IS NULL OR opened_at >= %(since)s::timestamptz)
      AND (%(until)s::timestamptz IS NULL OR opened_at < %(until)s::timestamptz)
)
SELECT priority, count(*), count(response), avg(response),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY response),
       count(first_resolution), avg(first_resolution),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY first_resolution),
       count(resolution), avg(resolution), percentile_cont(0.5) WITHIN GROUP (ORDER BY resolution)
FROM measured
GROUP BY priority
ORDER BY priority
