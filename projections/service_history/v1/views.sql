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

-- How long each case took, null while it has not come so far; resolution is the one that holds, less the time on
-- hold. By the clock: business time (working hours and holidays) comes with the calendars of service levels.
CREATE OR REPLACE VIEW read.case_times AS
SELECT id, priority, queue, opened_at,
       responded_at - opened_at AS response,
       first_resolved_at - opened_at AS first_resolution,
       resolved_at - opened_at - make_interval(secs => held_us / 1e6) AS resolution
FROM service_history_v1."case";

-- Of the cases first resolved on a day (UTC), those that came back, and how often. Over more days: the sums.
CREATE OR REPLACE VIEW read.reopening AS
SELECT (first_resolved_at AT TIME ZONE 'UTC')::date AS resolved_on, queue, count(*) AS resolved,
       count(*) FILTER (WHERE reopened > 0) AS reopened, sum(reopened) AS reopenings,
       count(*) FILTER (WHERE reopened > 0)::float8 / count(*) AS rate
FROM service_history_v1."case"
WHERE first_resolved_at IS NOT NULL
GROUP BY resolved_on, queue;

-- Complaints by product and cause (null: not named), and the day on which they were opened (UTC).
CREATE OR REPLACE VIEW read.complaint AS
SELECT product, cause, (opened_at AT TIME ZONE 'UTC')::date AS opened_on, count(*) AS complaints,
       count(*) FILTER (WHERE open) AS open
FROM service_history_v1."case"
WHERE kind = 'complaint'
GROUP BY product, cause, opened_on;

-- What imported logs say of their service levels, by the day on which the case was closed (UTC).
CREATE OR REPLACE VIEW read.reported_sla AS
SELECT (closed_at AT TIME ZONE 'UTC')::date AS closed_on, count(*) FILTER (WHERE reported_sla) AS met,
       count(*) FILTER (WHERE NOT reported_sla) AS missed, count(*) FILTER (WHERE reported_sla IS NULL) AS unknown
FROM service_history_v1."case"
WHERE closed_at IS NOT NULL
GROUP BY closed_on;
