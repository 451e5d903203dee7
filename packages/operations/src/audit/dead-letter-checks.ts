import type { DlqFilter, Suspect } from '@contour/store';
import type { AuditSources } from './sources.ts';
import { type AuditFinding, concluded, createSuspicion, type Pause } from './suspicion.ts';

type Sources = Pick<AuditSources, 'deadAmong' | 'deadMessages' | 'entry' | 'entries' | 'former'>;

const DEAD = {
  check: 'dead',
  promise: 'a dead message has its dead-letter entry',
};
const ENTRIES = {
  check: 'dead-letters',
  promise: 'an entry about Core has its dead message',
};

/** The messages whose entry is missing although no operator is known to have cleared it. */
async function withoutEntry(sources: Sources, ids: readonly string[]): Promise<string[]> {
  const isLacking = await Promise.all(
    ids.map(async (id) => {
      if ((await sources.entry(id))?.stage === 'deliver') return false;
      return (await sources.former(id))?.leaving !== 'cleared';
    }),
  );
  return ids.filter((_, index) => isLacking[index]);
}

/** Checks that every dead message is in the dead-letter queue, unless an operator has cleared it. */
export async function auditDead(
  sources: Sources,
  tenantIds: readonly string[],
  pause: Pause | undefined,
): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const dead = await stillDead(sources, suspects);
    const keys = dead.map(({ key }) => key);
    const left = new Set(await withoutEntry(sources, keys));
    return dead.filter(({ key }) => left.has(key));
  }, pause);
  let looked = 0;
  for (const tenantId of tenantIds) {
    for await (const ids of sources.deadMessages(tenantId)) {
      looked += ids.length;
      const lacking = await withoutEntry(sources, ids);
      await suspicion.add(
        lacking.map((key) => ({
          ...{ tenantId, key },
          detail: `message ${key}: dead; its entry is lost, or was cleared more than a week ago`,
        })),
      );
    }
  }
  return concluded(DEAD, looked, await suspicion.end());
}

const stillDead = (sources: Sources, suspects: readonly Suspect[]) =>
  sources.deadAmong(suspects.map((suspect) => ({ ...suspect, messageId: suspect.key })));

async function withoutDead(sources: Sources, suspects: readonly Suspect[]): Promise<Suspect[]> {
  const dead = new Set((await stillDead(sources, suspects)).map(({ key }) => key));
  return suspects.filter(({ key }) => !dead.has(key));
}

/** Checks that every entry of a message that Core did not take refers to a dead message. */
export async function auditEntries(
  sources: Sources,
  filter: DlqFilter,
  pause: Pause | undefined,
): Promise<AuditFinding> {
  const suspicion = createSuspicion(async (suspects) => {
    const entries = await Promise.all(suspects.map(({ key }) => sources.entry(key)));
    const left = suspects.filter((_, index) => entries[index]?.stage === 'deliver');
    return withoutDead(sources, left);
  }, pause);
  let looked = 0;
  for await (const page of sources.entries(filter)) {
    const aboutCore = page.filter(({ stage }) => stage === 'deliver');
    looked += aboutCore.length;
    const suspects = aboutCore.map(({ id, tenantId, reason }) => ({
      ...{ tenantId: tenantId ?? '', key: id },
      detail: `entry ${id} (${reason}): its message is not dead`,
    }));
    await suspicion.add(await withoutDead(sources, suspects));
  }
  return concluded(ENTRIES, looked, await suspicion.end());
}
