-- SKIP LOCKED: a share that is just being committed is renewed by that. Waiting for it could be for ever: the commit
-- takes the rows in an order of its own.
WITH mine AS MATERIALIZED (
    SELECT s.partition
    FROM control.share AS s
    JOIN jsonb_to_recordset(%(owned)s) AS o (partition int, epoch bigint)
      ON s.partition = o.partition AND s.epoch = o.epoch
    WHERE s.projection = %(projection)s AND s.version = %(version)s
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE control.share AS s
SET lease_until = clock_timestamp() + %(lease)s::interval
FROM mine
WHERE s.projection = %(projection)s AND s.version = %(version)s AND s.partition = mine.partition
