-- What moved is sound again, whatever its state was; an operator's states raise the epoch and are not met here.
UPDATE control.share AS s
SET position = m.position, seal_sequence = m.seal_sequence, seal_hash = decode(m.seal_hash, 'hex'),
    offsets = m.offsets, received = s.received + m.received,
    state = 'running', reason = NULL, lease_until = clock_timestamp() + %(lease)s::interval
FROM jsonb_to_recordset(%(moved)s) AS m (
    partition int, epoch bigint, position bigint, seal_sequence bigint, seal_hash text, offsets jsonb,
    received bigint
)
WHERE s.projection = %(projection)s AND s.version = %(version)s
  AND s.partition = m.partition AND s.epoch = m.epoch AND s.worker = %(worker)s
