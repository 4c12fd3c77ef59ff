-- Events number %(first)s to %(last)s: about 700 bytes each, a new party every 20 events, as a relay reads them.
INSERT INTO store.event (aggregate_id, version, type, party, event)
SELECT aggregate, 1, 'crm.product.registered', party,
       convert_to(
           '{"specversion":"1.0","id":"' || aggregate || ':1","source":"/rapport/product",'
           '"type":"crm.product.registered","subject":"' || aggregate || '","partitionkey":"' || party || '",'
           '"sequence":"0000000001","time":"2026-01-02T03:04:05.000000Z",'
           '"recordedtime":"2026-01-02T03:04:05.678999Z","datacontenttype":"application/json",'
           '"dataschema":"urn:rapport:crm.product.registered:1","correlationid":"' || aggregate || '",'
           '"authid":"00000000-0000-0000-0000-000000000000","authtype":"system",'
           '"data":{"number":' || n || ',"text":"' || repeat(md5(n::text), 4) || '"}}', 'UTF8')
  FROM (SELECT n, md5('bench aggregate ' || n)::uuid AS aggregate, md5('bench party ' || n / 20)::uuid AS party
          FROM generate_series(%(first)s, %(last)s) AS n) AS numbered
