-- Where a record came from: (source, external id) belongs to one record, for ever.
-- `source_digest` is an HMAC of the imported row: the same again is "unchanged", another is a failed row.
CREATE TABLE store.claim (
    source        text  NOT NULL,
    external_id   text  NOT NULL,
    id            uuid  NOT NULL,
    source_digest bytea,
    CONSTRAINT claim_pkey PRIMARY KEY (source, external_id)
);

CREATE INDEX claim_id ON store.claim (id);
