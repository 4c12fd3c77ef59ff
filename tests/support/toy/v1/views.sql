-- The public SQL contract of `toy`.
CREATE OR REPLACE VIEW read.toy AS
SELECT id, events FROM toy_v1.customer;
