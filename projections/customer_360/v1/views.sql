-- The public SQL contract of `customer_360`. Columns are only ever appended and never change their type.
-- customer_id: whose it is now, after merges, conversions and links made later; null while it is nobody's.
CREATE OR REPLACE VIEW read.customer AS
SELECT c.id, c.version, c.kind, c.organisation_name, c.state, c.survivor_id,
       coalesce((SELECT i.customer_id FROM read.identity i WHERE i.party = c.id), c.id) AS customer_id,
       c.parent_id, c.owner_id, c.tags, c.attributes, c.external_references, c.registered_at,
       c.recorded AS updated_at, c.position, c.preferences
FROM customer_360_v1.customer c;

CREATE OR REPLACE VIEW read.contact AS
SELECT c.id, c.version, c.party,
       (SELECT i.customer_id FROM read.identity i WHERE i.party = c.party) AS customer_id,
       c.role, c.points, c.external_references, c.registered_at, c.recorded AS updated_at, c.position
FROM customer_360_v1.contact c;

-- is_active: given, not withdrawn, not run out, and for a contact point that was not removed.
CREATE OR REPLACE VIEW read.consent AS
SELECT c.id, c.party,
       (SELECT i.customer_id FROM read.identity i WHERE i.party = c.party) AS customer_id,
       c.contact_id, c.point_id, c.purpose, c.legal_basis, c.source, c.double_opt_in, c.given_at,
       c.valid_until, c.withdrawn_at, c.withdrawn_source,
       c.given_at IS NOT NULL AND c.withdrawn_at IS NULL
           AND (c.valid_until IS NULL OR c.valid_until > now())
           AND NOT EXISTS (
               SELECT FROM customer_360_v1.contact p, jsonb_array_elements(p.points) AS point
               WHERE p.id = c.contact_id AND point ->> 'point_id' = c.point_id::text AND point ? 'removed_at'
           ) AS is_active,
       c.recorded AS updated_at, c.position
FROM customer_360_v1.consent c;

CREATE OR REPLACE VIEW read.timeline AS
SELECT e.subject_id::text || ':' || e.version AS event_id, e.position, e.party,
       (SELECT i.customer_id FROM read.identity i
        WHERE i.party = coalesce((SELECT m.customer_id FROM read.identity_moved m WHERE m.id = e.subject_id),
                                 e.party)) AS customer_id,
       e.subject_id, e.version, e.type, e.kind, e.occurred, e.recorded, e.title, e.channel,
       e.actor_id, e.actor_kind, e.cause, e.changes, e.has_text
FROM customer_360_v1.entry e;

-- Totals of each customer that was not merged into another, over all that is it now. Values are in the reporting
-- currency. csat_satisfied: answers 4 and 5 of csat_answers.
CREATE OR REPLACE VIEW read.customer_summary AS
WITH owned AS (
    SELECT i.*, (
        SELECT w.customer_id FROM read.identity w
        WHERE w.party = coalesce((SELECT m.customer_id FROM read.identity_moved m WHERE m.id = i.id), i.party)
    ) AS owner
    FROM customer_360_v1.interaction i
)
SELECT c.id AS customer_id,
       count(o.id) AS interactions,
       count(o.id) FILTER (WHERE o.kind = 'purchase') AS purchases,
       coalesce(sum(o.amount * o.rate) FILTER (WHERE o.kind = 'purchase'), 0) AS purchase_value,
       count(o.id) FILTER (WHERE o.kind = 'return') AS returns,
       coalesce(sum(o.amount * o.rate) FILTER (WHERE o.kind = 'return'), 0) AS return_value,
       max(o.occurred) AS last_contact_at,
       count(o.id) FILTER (WHERE o.survey_question = 'csat') AS csat_answers,
       count(o.id) FILTER (WHERE o.survey_question = 'csat' AND o.survey_score >= 4) AS csat_satisfied
FROM customer_360_v1.customer c
LEFT JOIN owned o ON o.owner = c.id
WHERE c.state = 'active'
GROUP BY c.id;

-- When each customer that was not merged into another was last in contact by each channel, and how often in all.
CREATE OR REPLACE VIEW read.last_contact AS
WITH owned AS (
    SELECT i.channel, i.occurred, (
        SELECT w.customer_id FROM read.identity w
        WHERE w.party = coalesce((SELECT m.customer_id FROM read.identity_moved m WHERE m.id = i.id), i.party)
    ) AS owner
    FROM customer_360_v1.interaction i
)
SELECT c.id AS customer_id, o.channel, max(o.occurred) AS last_contact_at, count(*) AS interactions
FROM customer_360_v1.customer c
JOIN owned o ON o.owner = c.id
WHERE c.state = 'active'
GROUP BY c.id, o.channel;

-- The one view with clear private values: not for the read-only role.
CREATE OR REPLACE VIEW read.person AS
SELECT p.id, p.kind, p.party,
       (SELECT i.customer_id FROM read.identity i WHERE i.party = p.party) AS customer_id,
       p.name, p.email, p.phone, p.points, p.erased, p.position
FROM customer_360_v1.person p;
