-- SKIP LOCKED: a share whose owner is just committing is not free, and waiting for it would hold up the rest.
-- A worker whose session broke takes its own shares back at once, under a new epoch.
-- MATERIALIZED: as a plain subquery it may be run once per row of the join, and each run takes others: more
-- shares than requested would be claimed.
WITH free AS MATERIALIZED (
    SELECT partition FROM control.share
    WHERE projection = %(projection)s AND version = %(version)s AND state = ANY (%(states)s)
      AND (worker IS NULL OR worker = %(worker)s OR lease_until < clock_timestamp())
      AND NOT partition = ANY (%(owned)s::int[])
    ORDER BY worker = %(worker)s DESC NULLS LAST, partition
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
UPDATE control.share AS s
SET epoch = s.epoch + 1, worker = %(worker)s, lease_until = clock_timestamp() + %(lease)s::interval,
    -- Claimed while it says so, the retry was killed.
    state = CASE WHEN s.state = 'retrying' THEN 'running' ELSE s.state END,
    reason = CASE WHEN s.state = 'retrying' THEN NULL ELSE s.reason END
FROM free
WHERE s.projection = %(projection)s AND s.version = %(version)s AND s.partition = free.partition
RETURNING s.partition, s.epoch, s.position, s.seal_sequence, s.seal_hash, s.offsets, s.state
