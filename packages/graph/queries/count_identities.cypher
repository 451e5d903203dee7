// STARTS WITH '' is true of every text, and lets the index of the whole key be used.
MATCH (i:ChannelIdentity)
WHERE i.tenant_id = $tenant_id AND i.channel STARTS WITH '' AND i.external_id STARTS WITH ''
RETURN count(i) AS n
