import {
  type DlqEntry,
  type LinkByPhone,
  matchingPhone,
  type PhoneRegion,
} from '@contour/contract';
import { messageToReplay } from '@contour/queue/dlq';
import type { Arrival, Prospect } from '@contour/store/resolve';
import type { Pages } from './replay.ts';

/** What a replay would do, counted. `matched` is the sum of all but newClients and newDialogs. */
export interface Foresight {
  matched: number;
  /** Would be accepted for the first time. */
  fresh: number;
  newClients: number;
  newDialogs: number;
  /** Are accepted already, and would go to Core again. */
  again: number;
  /** Are accepted already. Only their entries would be removed. */
  repeats: number;
  /** Would return to the dead-letter queue. */
  refused: Record<'unknown_tenant' | 'tenant_disabled' | 'conflict' | 'invalid', number>;
  /** Cannot be read, and would stay. */
  unreadable: number;
}

function count(foresight: Foresight, { stage }: DlqEntry, prospect: Prospect): void {
  if (prospect.kind === 'refused') foresight.refused[prospect.because] += 1;
  else if (prospect.kind === 'repeat') foresight[stage === 'deliver' ? 'again' : 'repeats'] += 1;
  else {
    foresight.fresh += 1;
    foresight.newClients += Number(prospect.makesClient);
    foresight.newDialogs += Number(prospect.makesDialog);
  }
}

/** Foresees page by page what a replay of these entries would do, by a forecast that writes nothing. */
export async function foresee(
  look: (arrivals: readonly Arrival[]) => Promise<Prospect[]>,
  pages: Pages,
  /** The settings by which a worker finds clients. */
  matching: { linkByPhone: LinkByPhone; phoneRegion: PhoneRegion },
): Promise<Foresight> {
  const foresight: Foresight = {
    ...{ matched: 0, fresh: 0, newClients: 0, newDialogs: 0, again: 0, repeats: 0 },
    refused: { unknown_tenant: 0, tenant_disabled: 0, conflict: 0, invalid: 0 },
    unreadable: 0,
  };
  for await (const entries of pages) {
    const readable = entries.flatMap((entry) => {
      // No forecast depends on a time.
      const message = messageToReplay(entry, 'UTC');
      if (message === undefined) return [];
      return [{ entry, arrival: { message, phone: matchingPhone(message, matching) } }];
    });
    const prospects = await look(readable.map(({ arrival }) => arrival));
    for (const [index, { entry }] of readable.entries()) {
      const prospect = prospects[index];
      if (prospect !== undefined) count(foresight, entry, prospect);
    }
    foresight.matched += entries.length;
    foresight.unreadable += entries.length - readable.length;
  }
  return foresight;
}
