-- Keys of the HTTP API: a hash at rest, never the key.
CREATE TABLE access.api_key (
    id        uuid        PRIMARY KEY,
    principal uuid        NOT NULL,
    name      text        NOT NULL,
    hash      bytea       NOT NULL,
    scopes    text[]      NOT NULL,
    created   timestamptz NOT NULL,
    expires   timestamptz,
    revoked   timestamptz
);
