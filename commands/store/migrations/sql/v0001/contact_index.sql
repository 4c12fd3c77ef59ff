-- The only blind index: finds candidates by an HMAC of a contact point. Not unique: families share one.
CREATE TABLE store.contact_index (
    hmac   bytea NOT NULL,
    person uuid  NOT NULL,
    CONSTRAINT contact_index_pkey PRIMARY KEY (hmac, person)
);

CREATE INDEX contact_index_person ON store.contact_index (person);
