UPDATE control.share AS s
SET lease_until = clock_timestamp() + %(lease)s::interval
FROM jsonb_to_recordset(%(held)s) AS h (partition int, epoch bigint)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = h.partition AND s.epoch = h.epoch
RETURNING s.partition
