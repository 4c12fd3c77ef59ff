-- One row per projection version. The state is the worst of its shares', with the reason of the first share
-- that has it. rows: PostgreSQL's own estimate over the version's tables, exact soon after each change, and after
-- a crash, which costs it its counters, that of the last ANALYZE; counting them would read everything.
WITH shares AS (
    SELECT projection, version, count(*)::int AS shares, min(position) AS position,
           bool_and(epoch = 0) AS never_claimed, sum(received)::bigint AS received,
           count(*) FILTER (WHERE worker IS NULL OR lease_until < clock_timestamp())::int AS unowned,
           (array_agg(state ORDER BY state = 'seal_mismatch' DESC, state = 'paused' DESC,
                                     state <> 'running' DESC, partition))[1] AS state,
           (array_agg(reason ORDER BY state = 'seal_mismatch' DESC, state = 'paused' DESC,
                                      state <> 'running' DESC, partition))[1] AS reason
    FROM control.share GROUP BY projection, version
), workers AS (
    -- Workers that ended without a word are counted only as long as one would be waited for.
    SELECT projection, version,
           count(*) FILTER (WHERE heartbeat > clock_timestamp() - interval '15 seconds')::int AS workers,
           coalesce(sum(rate) FILTER (WHERE heartbeat > clock_timestamp() - interval '15 seconds'), 0) AS rate,
           extract(epoch FROM clock_timestamp() - max(heartbeat))::float8 AS heartbeat_age
    FROM control.worker GROUP BY projection, version
), parked AS (
    SELECT projection, version, count(*)::bigint AS parked FROM control.held GROUP BY projection, version
)
SELECT s.projection, s.version, (a.version IS NOT NULL) AS active, s.shares, s.position, s.never_claimed,
       s.received, s.unowned, s.state, s.reason, r.state AS rebuild, r.reason AS rebuild_reason,
       m.at AS mark_at, m.position AS mark_position,
       extract(epoch FROM clock_timestamp() - m.at)::float8 AS mark_age,
       coalesce(w.workers, 0) AS workers, coalesce(w.rate, 0)::float8 AS rate, w.heartbeat_age,
       coalesce(h.parked, 0) AS parked,
       coalesce((SELECT sum(greatest(t.n_live_tup, k.reltuples)) FROM pg_stat_user_tables t
                 JOIN pg_class k ON k.oid = t.relid
                 WHERE t.schemaname = s.projection || '_v' || s.version), 0)::bigint AS rows
FROM shares s
LEFT JOIN control.active a ON a.projection = s.projection AND a.version = s.version
LEFT JOIN control.rebuild r
       ON r.projection = s.projection AND r.version = s.version AND r.ended_at IS NULL AND a.version IS NULL
LEFT JOIN LATERAL (
    -- Where it stood about a minute ago.
    SELECT at, position FROM control.mark
    WHERE projection = s.projection AND version = s.version
      AND at BETWEEN clock_timestamp() - interval '10 minutes' AND clock_timestamp() - interval '10 seconds'
    ORDER BY abs(extract(epoch FROM clock_timestamp() - at) - 60) LIMIT 1
) m ON true
LEFT JOIN workers w ON w.projection = s.projection AND w.version = s.version
LEFT JOIN parked h ON h.projection = s.projection AND h.version = s.version
ORDER BY s.projection, s.version
