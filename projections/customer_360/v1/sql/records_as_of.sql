-- The records that may have been a customer's as of a time, for one section: a record's party and the business
-- time of its begin never change. Its events give its state then. Only interactions with more than one event: the
-- row of the others is that event.
SELECT id FROM customer_360_v1.customer
WHERE %(section)s = 'profile' AND id = ANY (%(members)s::uuid[])
UNION ALL
SELECT id FROM customer_360_v1.contact
WHERE %(section)s = 'contacts' AND party = ANY (%(members)s::uuid[])
  AND (%(as_of)s::timestamptz IS NULL OR registered_at <= %(as_of)s::timestamptz)
UNION ALL
SELECT id FROM customer_360_v1.opportunity
WHERE %(section)s = 'opportunities'
  AND (party = ANY (%(members)s::uuid[]) AND id <> ALL (%(away)s::uuid[]) OR id = ANY (%(incoming)s::uuid[]))
  AND (%(as_of)s::timestamptz IS NULL OR opened_at <= %(as_of)s::timestamptz)
UNION ALL
SELECT id FROM customer_360_v1.service_case
WHERE %(section)s = 'cases'
  AND (party = ANY (%(members)s::uuid[]) AND id <> ALL (%(away)s::uuid[]) OR id = ANY (%(incoming)s::uuid[]))
  AND (%(as_of)s::timestamptz IS NULL OR opened_at <= %(as_of)s::timestamptz)
UNION ALL
SELECT id FROM customer_360_v1.interaction
WHERE %(section)s = 'totals'
  AND (party = ANY (%(members)s::uuid[]) AND id <> ALL (%(away)s::uuid[]) OR id = ANY (%(incoming)s::uuid[]))
  AND version > 1
  AND (%(as_of)s::timestamptz IS NULL OR occurred <= %(as_of)s::timestamptz)
