import {
  type DlqEntry,
  type LinkByPhone,
  matchingPhone,
  type PhoneRegion,
} from '@contour/contract';
import { messageToReplay } from '@contour/queue';
import { createForecast, type Pool, type Prospect } from '@contour/store';

/** What a replay would do, counted. `matched` is the sum of all but the two that are created. */
export interface Foresight {
  matched: number;
  /** Would be accepted for the first time. */
  fresh: number;
  newClients: number;
  newDialogs: number;
  /** Are accepted, and would go to Core again, who has refused them or was away. */
  again: number;
  /** Are accepted already: the entry would only vanish. */
  repeats: number;
  /** Would come back. */
  refused: Record<'unknown_tenant' | 'tenant_disabled' | 'conflict' | 'invalid', number>;
  /** Cannot be read, and would stay. */
  unreadable: number;
}

export interface Matching {
  linkByPhone: LinkByPhone;
  phoneRegion: PhoneRegion;
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

/** Looks page by page at what a replay of these entries would come to; nothing is written or locked. */
export async function foresee(
  pool: Pool,
  pages: AsyncIterable<DlqEntry[]> | Iterable<DlqEntry[]>,
  matching: Matching,
): Promise<Foresight> {
  const forecast = createForecast(pool, { linkByPhone: matching.linkByPhone !== false });
  const foresight: Foresight = {
    matched: 0,
    fresh: 0,
    newClients: 0,
    newDialogs: 0,
    again: 0,
    repeats: 0,
    refused: { unknown_tenant: 0, tenant_disabled: 0, conflict: 0, invalid: 0 },
    unreadable: 0,
  };
  for await (const entries of pages) {
    const readable = entries.flatMap((entry) => {
      const message = messageToReplay(entry);
      return message === undefined ? [] : [{ entry, message }];
    });
    const prospects = await forecast.look(
      readable.map(({ message }) => ({
        message,
        phone: matchingPhone(message, matching),
      })),
    );
    prospects.forEach((prospect, index) => {
      const read = readable[index];
      if (read !== undefined) count(foresight, read.entry, prospect);
    });
    foresight.matched += entries.length;
    foresight.unreadable += entries.length - readable.length;
  }
  return foresight;
}

const REFUSALS = {
  unknown_tenant: 'no tenant has their credential',
  tenant_disabled: 'their tenant or its channel account is switched off',
  conflict: 'their message ids were accepted with another text or media',
  invalid: 'the database refuses them',
} as const;

/** A line for each thing that would happen, and none for what would not. */
export function linesOfForesight(foresight: Foresight): string[] {
  const { fresh, newClients, newDialogs, again, repeats, refused, unreadable } = foresight;
  const lines: Array<[number, string]> = [
    [fresh, `accepted, with ${newClients} new clients and ${newDialogs} new dialogs`],
    [again, 'sent to Core again'],
    [repeats, 'repeats, accepted before: only their entries would go'],
    ...Object.entries(REFUSALS).map(([reason, why]): [number, string] => [
      refused[reason as keyof typeof REFUSALS],
      `refused again: ${why}`,
    ]),
    [unreadable, 'left where they are: they cannot be read'],
  ];
  const width = String(foresight.matched).length;
  return [
    `${foresight.matched} match`,
    ...lines.flatMap(([n, what]) => (n === 0 ? [] : `  ${String(n).padStart(width)} ${what}`)),
  ];
}
