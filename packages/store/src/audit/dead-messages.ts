import { type Queryable, statement } from '../statement.ts';

const NIL = '00000000-0000-0000-0000-000000000000';
const PAGE = 200;

const findPage = statement<{ id: string }>(
  'audit_dead_page',
  `select id from messages where status = 'dead' and tenant_id = $1 and id > $2
    order by id limit $3`,
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
