-- What imported logs say of their SLA, of the cases closed in the period.
SELECT count(*) FILTER (WHERE reported_sla), count(*) FILTER (WHERE NOT reported_sla),
       count(*) FILTER (WHERE reported_sla IS NULL)
FROM service_history_v1."case"
WHERE closed_at IS NOT NULL
  AND (%(since)s::timestamptz IS NULL OR closed_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR closed_at < %(until)s::timestamptz)
