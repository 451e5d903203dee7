import { MIRROR_KINDS, type MirrorBatch, type MirrorTurn } from '@contour/contract';
import type { Transaction } from './open-connection.ts';
import { query } from './query.ts';

const WRITES = {
  clients: 'create_client',
  identities: 'link_channel',
  dialogs: 'create_dialog',
} as const;

const REMOVED_FIRST = ['dialogs', 'identities', 'clients', 'tenants'] as const;

/**
 * Writes a batch within a transaction, unless a later turn has written already: then `latest` says
 * so, and the caller undoes what was done. A turn that was lost may still be on its way, so the
 * node of the mirror remembers the latest, and its lock puts all writers one after another.
 */
export async function writeBatch(
  tx: Transaction,
  { mirrorId, turn }: MirrorTurn,
  batch: MirrorBatch,
): Promise<{ latest: number }> {
  const statements: Array<[name: string, rows: readonly object[]]> = [
    ...MIRROR_KINDS.map((kind): [string, readonly object[]] => [WRITES[kind], batch[kind]]),
    ...REMOVED_FIRST.map((kind): [string, readonly object[]] => [
      `remove_${kind}`,
      batch.removals.filter((removal) => removal.kind === kind && removal.isGone),
    ]),
  ];
  // All sent at once and worked off one after another: a round trip each would cost as much again.
  const [held] = await Promise.all([
    tx.run(query('hold_turn'), { mirror_id: mirrorId, turn: BigInt(turn) }),
    ...statements
      .filter(([, rows]) => rows.length > 0)
      .map(([name, rows]) => tx.run(query(name), { rows })),
  ]);
  return { latest: held.records[0]?.get('latest') as number };
}
