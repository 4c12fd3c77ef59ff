-- Holds the rows' locks until the end of the transaction: whoever wants the share then waits, or skips it.
UPDATE control.share AS s
SET lease_until = clock_timestamp() + %(lease)s::interval
FROM jsonb_to_recordset(%(owned)s) AS o (partition int, epoch bigint)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = o.partition AND s.epoch = o.epoch AND s.worker = %(worker)s
