-- Positions come from a sequence, so a lower one can commit after a higher one: a reader that has passed it
-- would lose it. Every statement that appends therefore holds this shared lock, from before its first
-- position until its transaction has ended; the reader waits for those that hold it (see follower.py).
-- Taken here and not by the client: a client's own lock is lost by ROLLBACK TO SAVEPOINT.
-- The two numbers also stand in commands/store/event_reader.py.
CREATE FUNCTION store.hold_append_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(1380012112, 1);
    RETURN NULL;
END
$$;

CREATE TRIGGER hold_append_lock BEFORE INSERT ON store.event
    FOR EACH STATEMENT EXECUTE FUNCTION store.hold_append_lock();
