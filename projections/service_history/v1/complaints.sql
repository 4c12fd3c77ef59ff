-- Complaints opened in the period by product and cause.
SELECT product, cause, count(*), count(*) FILTER (WHERE open)
FROM service_history_v1."case"
WHERE kind = 'complaint'
  AND (%(since)s::timestamptz IS NULL OR opened_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR opened_at < %(until)s::timestamptz)
GROUP BY product, cause
ORDER BY count(*) DESC, product NULLS LAST, cause NULLS LAST
