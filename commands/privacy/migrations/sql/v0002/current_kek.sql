-- A new key is wrapped by the current key-encryption key, or refused: the program then wraps it anew. The first
-- key ever made says which one that is. The shared lock makes a rotation wait for those who are just making keys
-- with the former one, so that what it then finds to wrap anew is all there will ever be.
-- The two numbers also stand in commands/privacy/rotation.py.
CREATE FUNCTION keys.refuse_other_kek() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    used   text;
    wanted text;
BEGIN
    FOR used IN SELECT DISTINCT made.kek FROM made WHERE made.state = 'active' LOOP
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(1380012112, 4);
        SELECT id INTO wanted FROM keys.kek WHERE current;
        IF wanted IS NULL THEN
            INSERT INTO keys.kek (id, current, finished) VALUES (used, true, now()) ON CONFLICT DO NOTHING;
            SELECT id INTO wanted FROM keys.kek WHERE current;
        END IF;
        IF wanted IS DISTINCT FROM used THEN
            RAISE EXCEPTION 'a key was wrapped with another key-encryption key than the current one'
                USING ERRCODE = '55R02';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE TRIGGER refuse_other_kek AFTER INSERT ON keys.person_key
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION keys.refuse_other_kek();
CREATE TRIGGER refuse_other_kek AFTER INSERT ON keys.retention_key
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION keys.refuse_other_kek();
