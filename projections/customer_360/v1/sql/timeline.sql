-- One page of a customer's timeline, newest first. Each party's newest entries come from an index and stop at
-- the page's size, so that the cost does not grow with the history; so do those of records that moved in.
SELECT subject_id::text || ':' || version AS event_id, position, subject_id, version, type, kind, occurred,
       recorded, title, channel, actor_id, actor_kind, cause, changes, has_text, party
FROM (
    SELECT e.*
    FROM unnest(%(members)s::uuid[]) AS member (party)
    CROSS JOIN LATERAL (
        SELECT * FROM customer_360_v1.entry e
        WHERE e.party = member.party
          AND e.subject_id <> ALL (%(away)s::uuid[])
          AND (%(kind)s::text IS NULL OR e.kind = %(kind)s::text)
          AND (%(channel)s::text IS NULL OR e.channel = %(channel)s::text)
          AND (%(start)s::timestamptz IS NULL OR e.occurred >= %(start)s::timestamptz)
          AND (%(end)s::timestamptz IS NULL OR e.occurred < %(end)s::timestamptz)
          AND (%(as_of)s::timestamptz IS NULL OR e.occurred <= %(as_of)s::timestamptz)
          AND (%(known_at)s::timestamptz IS NULL OR e.recorded <= %(known_at)s::timestamptz)
          AND (%(after_time)s::timestamptz IS NULL
               OR (e.occurred, e.position) < (%(after_time)s::timestamptz, %(after_position)s::bigint))
        ORDER BY e.occurred DESC, e.position DESC
        LIMIT %(limit)s
    ) AS e
    UNION ALL
    (
        SELECT * FROM customer_360_v1.entry e
        WHERE e.subject_id = ANY (%(incoming)s::uuid[])
          AND (%(kind)s::text IS NULL OR e.kind = %(kind)s::text)
          AND (%(channel)s::text IS NULL OR e.channel = %(channel)s::text)
          AND (%(start)s::timestamptz IS NULL OR e.occurred >= %(start)s::timestamptz)
          AND (%(end)s::timestamptz IS NULL OR e.occurred < %(end)s::timestamptz)
          AND (%(as_of)s::timestamptz IS NULL OR e.occurred <= %(as_of)s::timestamptz)
          AND (%(known_at)s::timestamptz IS NULL OR e.recorded <= %(known_at)s::timestamptz)
          AND (%(after_time)s::timestamptz IS NULL
               OR (e.occurred, e.position) < (%(after_time)s::timestamptz, %(after_position)s::bigint))
        ORDER BY e.occurred DESC, e.position DESC
        LIMIT %(limit)s
    )
) AS page
ORDER BY occurred DESC, position DESC
LIMIT %(limit)s
