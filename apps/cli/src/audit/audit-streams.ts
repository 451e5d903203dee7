import type { ForgottenEntry, QueueAudit } from '@contour/queue';
import { type AuditFinding, concluded } from './audit-finding.ts';
import { createSuspicion } from './suspicion.ts';

/** An entry is tried eight times in as many seconds, then parked: a minute is long. */
const FORGOTTEN_SECONDS = 60;

export const STREAM_CHECK = {
  check: 'streams',
  promise: 'no entry is in hand for a minute and more',
};

const suspectOf = ({ shard, id, idleSeconds, deliveries }: ForgottenEntry) => ({
  ...{ tenantId: '', key: `${shard} ${id}` },
  detail: `contour:resolve:${shard} ${id}: untouched for ${idleSeconds} s, handed out ${deliveries} times`,
});

/** A warning, not a violation: the entry is there, and goes on when a worker reads its stream. */
export async function auditStreams(redis: QueueAudit, shardCount: number): Promise<AuditFinding> {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const look = async (shard: number) =>
    (await redis.forgottenEntries(shard, FORGOTTEN_SECONDS)).map(suspectOf);
  const suspicion = createSuspicion(async (suspects) => {
    const left = new Set((await Promise.all(shards.map(look))).flat().map(({ key }) => key));
    return suspects.filter(({ key }) => left.has(key));
  });
  let looked = 0;
  for (const shard of shards) {
    looked += await redis.pendingEntries(shard);
    await suspicion.add(await look(shard));
  }
  return concluded(STREAM_CHECK, looked, await suspicion.end(), 'warning');
}
