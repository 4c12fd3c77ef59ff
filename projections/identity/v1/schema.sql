-- identity, version 1. One row per party: a customer, or an opportunity that was opened without one.
-- kind: customer or opportunity. target: the party that this one belongs to (the survivor of a merge, the
-- customer linked later), null while it stands alone. Rows are never deleted: an unmerge clears the target.
CREATE SCHEMA identity_v1;

CREATE TABLE identity_v1.link (
    party    uuid        NOT NULL,
    kind     text        NOT NULL CHECK (kind IN ('customer', 'opportunity')),
    target   uuid,
    since    timestamptz NOT NULL,
    version  int         NOT NULL,
    position bigint      NOT NULL,
    PRIMARY KEY (party)
);

CREATE INDEX link_target ON identity_v1.link (target) WHERE target IS NOT NULL;
