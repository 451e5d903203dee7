UNWIND $rows AS row
MATCH (n:ChannelIdentity {tenant_id: row.tenant_id, channel: row.channel, external_id: row.id})
DETACH DELETE n
