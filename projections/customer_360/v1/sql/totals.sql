-- The totals of a customer's interactions, by kind and channel. Values in the reporting currency. As of a time
-- (once): only of interactions with one event, until then, which is the row.
SELECT kind, channel, count(*), coalesce(sum(amount * rate), 0), min(occurred), max(occurred),
       count(*) FILTER (WHERE survey_question = 'csat'),
       count(*) FILTER (WHERE survey_question = 'csat' AND survey_score >= 4),
       count(*) FILTER (WHERE survey_question = 'nps'),
       count(*) FILTER (WHERE survey_question = 'nps' AND survey_score >= 9),
       count(*) FILTER (WHERE survey_question = 'nps' AND survey_score <= 6)
FROM (
    SELECT * FROM customer_360_v1.interaction
    WHERE party = ANY (%(members)s::uuid[]) AND id <> ALL (%(away)s::uuid[])
    UNION ALL
    SELECT * FROM customer_360_v1.interaction WHERE id = ANY (%(incoming)s::uuid[])
) AS mine
WHERE NOT %(once)s
   OR version = 1
      AND (%(as_of)s::timestamptz IS NULL OR occurred <= %(as_of)s::timestamptz)
      AND (%(known_at)s::timestamptz IS NULL OR recorded <= %(known_at)s::timestamptz)
GROUP BY kind, channel
ORDER BY kind, channel
