UPDATE control.share AS s
SET worker = NULL, lease_until = '-infinity'
FROM jsonb_to_recordset(%(owned)s) AS o (partition int, epoch bigint)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = o.partition AND s.epoch = o.epoch
