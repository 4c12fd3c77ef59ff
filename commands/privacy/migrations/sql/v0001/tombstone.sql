-- A destroyed key never comes back, whoever writes: neither by an update nor by deleting the tombstone.
CREATE FUNCTION keys.keep_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'destroyed' THEN
        RAISE EXCEPTION 'a destroyed key stays destroyed' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a key is destroyed, never deleted' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER keep_tombstone BEFORE UPDATE OR DELETE ON keys.person_key
    FOR EACH ROW EXECUTE FUNCTION keys.keep_tombstone();
CREATE TRIGGER keep_tombstone BEFORE UPDATE OR DELETE ON keys.retention_key
    FOR EACH ROW EXECUTE FUNCTION keys.keep_tombstone();
