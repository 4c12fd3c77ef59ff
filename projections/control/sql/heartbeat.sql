-- Writes the heartbeat and returns this worker's fair part: the shares dealt out among the live workers in the order
-- in which they started, the remainder to the first. Every worker computes the same deal. No row where this
-- worker was not known: its first heartbeat, or the first after so long a stop that it was forgotten.
WITH beat AS (
    INSERT INTO control.worker (id, projection, version, host, pid, started, heartbeat)
    VALUES (%(worker)s, %(projection)s, %(version)s, %(host)s, %(pid)s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET heartbeat = excluded.heartbeat, rate = %(rate)s
), forgotten AS (
    DELETE FROM control.worker WHERE heartbeat < clock_timestamp() - interval '1 hour' AND id <> %(worker)s
), live AS (
    SELECT id, row_number() OVER (ORDER BY started, id) - 1 AS place, count(*) OVER () AS workers
    FROM control.worker
    WHERE projection = %(projection)s AND version = %(version)s
      AND (id = %(worker)s OR heartbeat > clock_timestamp() - %(lease)s::interval)
), shares AS (
    SELECT count(*) AS n FROM control.share
    WHERE projection = %(projection)s AND version = %(version)s AND state = ANY (%(states)s)
)
SELECT (n / workers + CASE WHEN place < n %% workers THEN 1 ELSE 0 END)::int
FROM live, shares WHERE id = %(worker)s
