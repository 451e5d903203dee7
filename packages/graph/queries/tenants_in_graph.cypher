MATCH (n:Tenant|Client|ChannelIdentity|Dialog)
WHERE n.tenant_id IS :: STRING NOT NULL
RETURN DISTINCT n.tenant_id AS tenant_id
