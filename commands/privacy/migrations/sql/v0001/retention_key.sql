-- One key per kind of free text and month of the event's time, destroyed when its retention ends.
CREATE TABLE keys.retention_key (
    kind      text        NOT NULL,
    month     text        NOT NULL CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    wrapped   bytea,
    kek       text        NOT NULL,
    state     text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'destroyed')),
    created   timestamptz NOT NULL DEFAULT now(),
    destroyed timestamptz,
    CONSTRAINT retention_key_pkey PRIMARY KEY (kind, month),
    CONSTRAINT retention_key_tombstone CHECK ((state = 'active') = (wrapped IS NOT NULL)),
    CONSTRAINT retention_key_destroyed CHECK ((state = 'destroyed') = (destroyed IS NOT NULL))
);
