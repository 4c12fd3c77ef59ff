-- The epoch is raised, so that the worker that holds a share writes nothing more until it claims it again. A
-- state that says more than "running" stays: an operator's pause must outlive the retry, also a killed one.
UPDATE control.share
SET epoch = epoch + 1, worker = %(worker)s, lease_until = clock_timestamp() + %(lease)s::interval,
    state = CASE WHEN state IN ('paused', 'seal_mismatch') THEN state ELSE 'retrying' END,
    reason = CASE WHEN state IN ('paused', 'seal_mismatch') THEN reason
                  ELSE 'Parked events are being applied again.' END
WHERE projection = %(projection)s AND version = %(version)s AND partition = ANY (%(partitions)s::int[])
  AND state = ANY (%(states)s)
RETURNING partition, epoch
