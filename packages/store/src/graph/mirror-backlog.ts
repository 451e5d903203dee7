import type { MirrorBacklog } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';

const WAITING = `
  select graph_changed_at as since from clients where graph_synced_at is null
  union all select graph_changed_at from client_channels where graph_synced_at is null
  union all select graph_changed_at from dialogs where graph_synced_at is null
  union all select removed_at from graph_removals`;

const backlog = statement<MirrorBacklog>(
  'graph_backlog',
  `select count(*)::int as rows,
          coalesce(extract(epoch from now() - min(since)), 0)::float8 as "oldestSeconds"
     from (${WAITING}) w`,
);

const isAny = statement<{ any: boolean }>('graph_is_behind', `select exists (${WAITING}) as any`);

/** How far the graph is behind. */
export async function mirrorBacklog(db: Queryable): Promise<MirrorBacklog> {
  const [row] = await backlog(db);
  return row ?? { rows: 0, oldestSeconds: 0 };
}

/** Whether the graph is behind at all; cheap enough to be asked once a second. */
export async function isMirrorBehind(db: Queryable): Promise<boolean> {
  return (await isAny(db))[0]?.any === true;
}
