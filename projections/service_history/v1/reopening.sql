-- Reopened cases among those first resolved in the period.
SELECT count(*), count(*) FILTER (WHERE reopened > 0), coalesce(sum(reopened), 0)::int,
       count(*) FILTER (WHERE reopened > 0)::float8 / nullif(count(*), 0)
FROM service_history_v1."case"
WHERE first_resolved_at IS NOT NULL
  AND (%(since)s::timestamptz IS NULL OR first_resolved_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR first_resolved_at < %(until)s::timestamptz)
