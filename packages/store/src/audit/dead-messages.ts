import { isUuid } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

interface MessageKey {
  tenantId: string;
  messageId: string;
}

const NIL = '00000000-0000-0000-0000-000000000000';
const PAGE = 200;

const findPage = statement<{ id: string }>(
  'audit_dead_page',
  `select id from messages where status = 'dead' and tenant_id = $1 and id > $2
    order by id limit $3`,
);

const findAmong = statement<{ tenant_id: string; id: string }>(
  'audit_dead_among',
  `select m.tenant_id, m.id from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id) where m.status = 'dead'`,
);

/** The ids of a tenant's dead messages, page by page. */
export async function* deadMessages(db: Queryable, tenantId: string): AsyncGenerator<string[]> {
  let after = NIL;
  for (;;) {
    const ids = (await findPage(db, tenantId, after, PAGE)).map(({ id }) => id);
    const last = ids.at(-1);
    if (last === undefined) return;
    yield ids;
    after = last;
  }
}

/** Those of the messages that are dead. */
export async function deadAmong<Key extends MessageKey>(
  db: Queryable,
  keys: readonly Key[],
): Promise<Key[]> {
  // What came out of Redis may be anything.
  const asked = columns(
    keys.filter(({ tenantId, messageId }) => isUuid(tenantId) && isUuid(messageId)),
    (key) => key.tenantId,
    (key) => key.messageId,
  );
  const dead = new Set((await findAmong(db, ...asked)).map((row) => `${row.tenant_id} ${row.id}`));
  return keys.filter(({ tenantId, messageId }) => dead.has(`${tenantId} ${messageId}`));
}
