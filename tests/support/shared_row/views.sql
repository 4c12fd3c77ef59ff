-- The public SQL contract of `shared_row`.
CREATE OR REPLACE VIEW read.shared_row AS
SELECT party, customers, deals, last FROM shared_row_v1.party;
