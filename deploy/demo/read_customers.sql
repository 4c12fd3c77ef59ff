-- Customers and their purchases as the public views give them; runs as the read-only role.
WITH imported AS (
    SELECT id, (
        SELECT reference ->> 'source' FROM jsonb_array_elements(external_references) AS reference LIMIT 1
    ) AS source
    FROM read.customer
)
SELECT count(*) FILTER (WHERE source = 'cdnow-customer')                                AS "shop customers",
       count(*) FILTER (WHERE source = 'incidents-caller')                              AS "callers",
       count(*) FILTER (WHERE source IN ('maven-account', 'cdnow-customer', 'incidents-caller'))
                                                                                        AS "customers in all",
       sum(summary.purchases) FILTER (WHERE source = 'cdnow-customer')                  AS "purchases",
       sum(summary.purchase_value) FILTER (WHERE source = 'cdnow-customer')             AS "purchase value"
FROM imported
LEFT JOIN read.customer_summary summary ON summary.customer_id = imported.id
