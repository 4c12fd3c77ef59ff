-- The key-encryption keys that wrapped keys here, and which one of them wraps new ones. It is said here and not
-- in each process, so that all agree at once. The keys themselves are never in a database.
-- `previous`, `rotation`, `rewrapped`, `finished`: of the rotation that made it current; the first had none.
CREATE TABLE keys.kek (
    id        text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    current   boolean     NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    previous  text,
    rotation  uuid,
    rewrapped bigint      NOT NULL DEFAULT 0,
    finished  timestamptz,
    CONSTRAINT kek_rotation CHECK ((rotation IS NULL) = (previous IS NULL))
);

CREATE UNIQUE INDEX kek_current ON keys.kek (current) WHERE current;

INSERT INTO keys.kek (id, current, finished)
SELECT kek, true, now() FROM (
    SELECT kek FROM keys.person_key WHERE state = 'active'
    UNION ALL SELECT kek FROM keys.retention_key WHERE state = 'active'
) AS used LIMIT 1;
