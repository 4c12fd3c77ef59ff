-- Entries, a minute apart, in turns of the members of one customer; one in 5,000 is a visit, the others calls.
INSERT INTO customer_360_v1.entry
SELECT 1000000 + n, lpad(to_hex(16 + n %% %(members)s), 32, '0')::uuid, gen_random_uuid(), 1,
       'crm.interaction.recorded', CASE WHEN n %% 5000 = 0 THEN 'visit' ELSE 'call' END,
       '2026-01-01Z'::timestamptz + n * interval '1 minute',
       '2026-01-01Z'::timestamptz + n * interval '1 minute',
       'Inbound call', 'phone', gen_random_uuid(), 'user', NULL, '[]', false
FROM generate_series(1, %(entries)s) AS n;
INSERT INTO identity_v1.link
SELECT lpad(to_hex(n), 32, '0')::uuid, 'customer',
       CASE WHEN n > 16 THEN lpad(to_hex(16), 32, '0')::uuid END, '2026-01-01Z', 1, 1, '2026-01-01Z'
FROM generate_series(16, 15 + %(members)s) AS n;
INSERT INTO identity_v1.link_version SELECT * FROM identity_v1.link;
ANALYZE customer_360_v1.entry;
ANALYZE identity_v1.link
