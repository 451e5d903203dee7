import { type Queryable, statement } from '../statement.ts';

export interface Lane {
  tenantId: string;
  dialogId: string;
  /** Guards the lane's removal: whatever comes later changes it. A bigint as text. */
  version: string;
}

const findLanes = statement<{ tenant_id: string; dialog_id: string; version: string }>(
  'take_lanes',
  `select tenant_id, dialog_id, version from lanes
    where shard = $1 and due_at <= now() and dialog_id <> all($2::uuid[]) and tenant_id <> all($3::uuid[])
    order by due_at
    limit $4`,
);

/** The lanes of a shard that are due, longest first, without the dialogs in hand and full tenants. */
export async function takeLanes(
  db: Queryable,
  wanted: { shard: number; limit: number; notDialogs: string[]; notTenants: string[] },
): Promise<Lane[]> {
  const { shard, limit, notDialogs, notTenants } = wanted;
  const rows = await findLanes(db, shard, notDialogs, notTenants, limit);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    dialogId: row.dialog_id,
    version: row.version,
  }));
}
