UPDATE control.share AS s
SET state = %(state)s, reason = %(reason)s
FROM jsonb_to_recordset(%(owned)s) AS o (partition int, epoch bigint)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = o.partition AND s.epoch = o.epoch
  AND (s.state, s.reason) IS DISTINCT FROM (%(state)s, %(reason)s)
