-- The public SQL contract of `toy`. Columns are only ever appended and never change their type.
CREATE OR REPLACE VIEW read.toy AS
SELECT id, events, types FROM toy_v2.customer;
