// The client may not have come yet: then its node is made here, and create_client fills it in.
UNWIND $rows AS row
MERGE (i:ChannelIdentity {
  tenant_id: row.tenant_id, channel: row.channel, external_id: row.external_id
})
MERGE (c:Client {tenant_id: row.tenant_id, client_id: row.client_id})
MERGE (c)-[own:REACHED_AT]->(i)
// The client it had before, and whatever else is too much.
WITH i, head(collect(own)) AS own
MATCH ()-[r:REACHED_AT]->(i)
WHERE r <> own
DELETE r
