-- identity, version 1. link has one row per party: a customer, a lead, or an opportunity, case or interaction
-- that began without a customer (kind says which). target: the party that this one belongs to (the survivor of
-- a merge, the customer of a converted lead, the customer linked later), null while it stands alone. Rows are
-- never deleted: an unmerge clears the target.
CREATE SCHEMA identity_v1;

CREATE TABLE identity_v1.link (
    party    uuid        NOT NULL,
    kind     text        NOT NULL,
    target   uuid,
    since    timestamptz NOT NULL,
    version  int         NOT NULL,
    position bigint      NOT NULL,
    recorded timestamptz NOT NULL,
    PRIMARY KEY (party)
);

CREATE INDEX link_target ON identity_v1.link (target) WHERE target IS NOT NULL;

CREATE TABLE identity_v1.link_version (
    LIKE identity_v1.link,
    PRIMARY KEY (party, version)
);

CREATE INDEX link_version_target ON identity_v1.link_version (target) WHERE target IS NOT NULL;

-- moved: records that began in a customer's party and were given to another customer later. Each moves alone:
-- the party stays where it is. A row whose customer is its party again has come back.
CREATE TABLE identity_v1.moved (
    id          uuid        NOT NULL,
    kind        text        NOT NULL,
    party       uuid        NOT NULL,
    customer_id uuid        NOT NULL,
    since       timestamptz NOT NULL,
    version     int         NOT NULL,
    position    bigint      NOT NULL,
    recorded    timestamptz NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX moved_party ON identity_v1.moved (party);
CREATE INDEX moved_customer ON identity_v1.moved (customer_id);

CREATE TABLE identity_v1.moved_version (
    LIKE identity_v1.moved,
    PRIMARY KEY (id, version)
);

CREATE INDEX moved_version_party ON identity_v1.moved_version (party);
CREATE INDEX moved_version_customer ON identity_v1.moved_version (customer_id);
