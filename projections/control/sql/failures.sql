-- One row for each aggregate that waits, by its first parked event, and for each party whose event cannot even be
-- read (aggregate_id is null), with how many more wait behind it.
SELECT position, aggregate_id::text, party::text, category, error, held_at, waiting
FROM (
    SELECT DISTINCT ON (coalesce(aggregate_id, party), aggregate_id IS NULL)
           position, aggregate_id, party, category, error, held_at,
           count(*) OVER (PARTITION BY coalesce(aggregate_id, party), aggregate_id IS NULL) - 1 AS waiting
    FROM control.held
    WHERE projection = %(projection)s AND version = %(version)s
      AND (%(aggregate)s::uuid IS NULL OR aggregate_id = %(aggregate)s
           OR (aggregate_id IS NULL AND party IN (SELECT party FROM control.held
                                                  WHERE projection = %(projection)s AND version = %(version)s
                                                    AND aggregate_id = %(aggregate)s)))
    ORDER BY coalesce(aggregate_id, party), aggregate_id IS NULL, position
) AS first
ORDER BY position
LIMIT %(most)s
