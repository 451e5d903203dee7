import { isUuid } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

interface MessageKey {
  tenantId: string;
  messageId: string;
}

const findAmong = statement<{ tenant_id: string; id: string }>(
  'dead_among',
  `select m.tenant_id, m.id from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id) where m.status = 'dead'`,
);

/** The dead ones among these messages. */
export async function deadAmong<Key extends MessageKey>(
  db: Queryable,
  keys: readonly Key[],
): Promise<Key[]> {
  const asked = columns(
    keys.filter(({ tenantId, messageId }) => isUuid(tenantId) && isUuid(messageId)),
    (key) => key.tenantId,
    (key) => key.messageId,
  );
  const rows = await findAmong(db, ...asked);
  const found = new Set(rows.map((row) => `${row.tenant_id} ${row.id}`));
  return keys.filter(({ tenantId, messageId }) => found.has(`${tenantId} ${messageId}`));
}
