import {
  type DlqFilter,
  deadAmong,
  deadLetters,
  deadMessages,
  findFormer,
  type Pool,
  type Suspect,
} from '@contour/store';
import { type AuditFinding, concluded } from './audit-finding.ts';
import { createSuspicion } from './suspicion.ts';

const DEAD = {
  check: 'dead',
  promise: 'a dead message has its dead-letter entry',
};
const ENTRIES = {
  check: 'dead-letters',
  promise: 'an entry about Core has its dead message',
};

/** Those that have no entry, and none that an operator is known to have cleared. */
async function withoutEntry(pool: Pool, ids: readonly string[]): Promise<string[]> {
  const { get } = deadLetters(pool);
  const isLacking = await Promise.all(
    ids.map(async (id) => {
      if ((await get(id))?.stage === 'deliver') return false;
      return (await findFormer(pool, id))?.leaving !== 'cleared';
    }),
  );
  return ids.filter((_, index) => isLacking[index]);
}

/** Every dead message is in the dead-letter queue, unless an operator has cleared it. */
export async function auditDead(pool: Pool, tenantIds: readonly string[]): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const known = suspects.map((suspect) => ({ ...suspect, messageId: suspect.key }));
    const dead = await deadAmong(pool, known);
    const left = new Set(
      await withoutEntry(
        pool,
        dead.map(({ key }) => key),
      ),
    );
    return dead.filter(({ key }) => left.has(key));
  });
  let looked = 0;
  for (const tenantId of tenantIds) {
    for await (const ids of deadMessages(pool, tenantId)) {
      looked += ids.length;
      const lacking = await withoutEntry(pool, ids);
      await suspicion.add(
        lacking.map((key) => ({
          ...{ tenantId, key },
          detail: `message ${key}: dead; its entry is lost, or was cleared more than a week ago`,
        })),
      );
    }
  }
  const confirmed = await suspicion.end();
  return concluded(DEAD, looked, confirmed);
}

async function withoutDead(pool: Pool, suspects: readonly Suspect[]): Promise<Suspect[]> {
  const asked = suspects.map(({ tenantId, key }) => ({ tenantId, messageId: key }));
  const dead = new Set((await deadAmong(pool, asked)).map(({ messageId }) => messageId));
  return suspects.filter(({ key }) => !dead.has(key));
}

/** Every entry of a message that Core did not take points to a dead message. */
export async function auditEntries(pool: Pool, filter: DlqFilter): Promise<AuditFinding> {
  const dlq = deadLetters(pool);
  const suspicion = createSuspicion(async (suspects) => {
    const entries = await Promise.all(suspects.map(({ key }) => dlq.get(key)));
    const left = suspects.filter((_, index) => entries[index]?.stage === 'deliver');
    return withoutDead(pool, left);
  });
  let looked = 0;
  for await (const page of dlq.matching(filter, Number.POSITIVE_INFINITY)) {
    const aboutCore = page.filter(({ stage }) => stage === 'deliver');
    looked += aboutCore.length;
    const suspects = aboutCore.map(({ id, tenantId, reason }) => ({
      ...{ tenantId: tenantId ?? '', key: id },
      detail: `entry ${id} (${reason}): its message is not dead`,
    }));
    await suspicion.add(await withoutDead(pool, suspects));
  }
  const confirmed = await suspicion.end();
  return concluded(ENTRIES, looked, confirmed);
}
