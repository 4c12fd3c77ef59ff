-- The public SQL contract of `service_history`. Columns are only ever appended and never change their type.
CREATE OR REPLACE VIEW read."case" AS
SELECT id, version, party, kind, state, open, priority, escalation, channel, customer_id, queue, owner_id, category, product,
       cause, opened_at, state_entered_at, responded_at, first_resolved_at, resolved_at, closed_at, held_since,
       make_interval(secs => held_us / 1e6) AS held, reopened, resolution_code, close_code, reported_sla,
       duplicate_of, imported, changes, time, recorded, recorded AS updated_at, position
FROM service_history_v1."case";

CREATE OR REPLACE VIEW read.case_version AS
SELECT id, version, party, kind, state, open, priority, escalation, channel, customer_id, queue, owner_id, category, product,
       cause, opened_at, state_entered_at, responded_at, first_resolved_at, resolved_at, closed_at, held_since,
       make_interval(secs => held_us / 1e6) AS held, reopened, resolution_code, close_code, reported_sla,
       duplicate_of, imported, changes, time, recorded, recorded AS updated_at, position
FROM service_history_v1.case_version;

-- Open cases by queue and priority (1 is most urgent); a case without a queue stands under null.
CREATE OR REPLACE VIEW read.backlog AS
SELECT queue, priority, count(*) AS cases, min(opened_at) AS oldest_opened_at,
       avg(now() - opened_at) AS mean_age
FROM service_history_v1."case"
WHERE open
GROUP BY queue, priority;
