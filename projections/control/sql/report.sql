UPDATE control.share AS s
SET state = %(state)s, reason = %(reason)s
FROM jsonb_to_recordset(%(held)s) AS h (partition int, epoch bigint)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = h.partition AND s.epoch = h.epoch
  AND (s.state, s.reason) IS DISTINCT FROM (%(state)s, %(reason)s)
