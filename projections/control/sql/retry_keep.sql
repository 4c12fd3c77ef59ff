-- Holds the rows' locks until the end of the transaction: whoever wants the share then waits, or skips it.
UPDATE control.share AS s
SET lease_until = clock_timestamp() + %(lease)s::interval
FROM jsonb_to_recordset(%(held)s) AS h (partition int, epoch bigint)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = h.partition AND s.epoch = h.epoch AND s.worker = %(worker)s
