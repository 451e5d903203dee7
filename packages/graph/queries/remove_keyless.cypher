// A node without a complete key mirrors no row, and no constraint makes it unique.
MATCH (n:Tenant|Client|ChannelIdentity|Dialog)
WHERE n.tenant_id IS NOT :: STRING NOT NULL
   OR (n:Client AND n.client_id IS NOT :: STRING NOT NULL)
   OR (n:ChannelIdentity AND n.channel IS NOT :: STRING NOT NULL)
   OR (n:ChannelIdentity AND n.external_id IS NOT :: STRING NOT NULL)
   OR (n:Dialog AND n.dialog_id IS NOT :: STRING NOT NULL)
WITH n LIMIT 5000
DETACH DELETE n
RETURN count(*) AS n
