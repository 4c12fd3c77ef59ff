UPDATE control.share
SET state = 'running', reason = NULL, epoch = epoch + 1, worker = NULL, lease_until = '-infinity'
WHERE projection = %(projection)s AND version = %(version)s AND state = 'paused'
