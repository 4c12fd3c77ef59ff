-- The customer that another system knows by this id. A claim makes it unique; the oldest, should it not be.
SELECT id FROM customer_360_v1.customer
WHERE external_references @> jsonb_build_array(
          jsonb_build_object('source', %(source)s::text, 'external_id', %(external_id)s::text))
ORDER BY position
LIMIT 1
