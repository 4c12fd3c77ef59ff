-- Events that a version has parked and the active one has applied.
SELECT h.position, h.category, h.party::text
FROM control.held h
JOIN control.active a ON a.projection = h.projection AND a.version <> h.version
WHERE h.projection = %(projection)s AND h.version = %(version)s
  AND NOT EXISTS (
      SELECT FROM control.held o
      WHERE o.projection = h.projection AND o.version = a.version AND o.position = h.position
  )
ORDER BY h.position
LIMIT %(most)s
