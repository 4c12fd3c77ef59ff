-- One key per person, wrapped by the key-encryption key. Destroyed is a tombstone, for ever: the row stays,
-- so that the key can never be made again.
CREATE TABLE keys.person_key (
    person    uuid        PRIMARY KEY,
    wrapped   bytea,
    kek       text        NOT NULL,
    state     text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'destroyed')),
    created   timestamptz NOT NULL DEFAULT now(),
    destroyed timestamptz,
    CONSTRAINT person_key_tombstone CHECK ((state = 'active') = (wrapped IS NOT NULL)),
    CONSTRAINT person_key_destroyed CHECK ((state = 'destroyed') = (destroyed IS NOT NULL))
);
