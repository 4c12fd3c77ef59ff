-- What is fixed for this store for ever: `partitions` (number), `store_id` (UUID as text).
CREATE TABLE store.setting (
    name  text  PRIMARY KEY,
    value jsonb NOT NULL
);
