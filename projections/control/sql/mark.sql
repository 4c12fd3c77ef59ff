-- The first heartbeat within ten seconds leaves the mark. Never waits: a worker that was stopped in the middle of
-- its heartbeat must not hold up those of the others, so whoever does not get the lock leaves none.
WITH mine AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('control.mark'), hashtext(%(projection)s || %(version)s::text)) AS got
    WHERE NOT EXISTS (
        SELECT FROM control.mark WHERE projection = %(projection)s AND version = %(version)s
          AND at > clock_timestamp() - interval '10 seconds')
)
INSERT INTO control.mark AS m (projection, version, slot, at, position)
SELECT projection, version, (extract(epoch FROM clock_timestamp())::bigint / 10 %% 60)::int, clock_timestamp(),
       min(position)
FROM control.share
WHERE projection = %(projection)s AND version = %(version)s AND (SELECT got FROM mine)
GROUP BY projection, version
ON CONFLICT (projection, version, slot) DO UPDATE SET at = excluded.at, position = excluded.position
