-- The epoch is raised, so that whoever holds a share writes nothing more: its commit is conditional on it.
UPDATE control.share
SET state = 'paused', reason = %(reason)s, epoch = epoch + 1, worker = NULL, lease_until = '-infinity'
WHERE projection = %(projection)s AND version = %(version)s AND state = ANY (%(worked_on)s)
