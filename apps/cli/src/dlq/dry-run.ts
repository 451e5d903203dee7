import type { LinkByPhone, PhoneRegion } from '@contour/contract';
import type { Pool } from '@contour/store';
import type { Cli } from '../cli.ts';
import { foresee, linesOfForesight } from './foresee.ts';
import type { Pages } from './replay.ts';

/** Says what a replay of these entries would come to. */
export async function dryRun(
  pool: Pool,
  pages: Pages,
  env: { LINK_BY_PHONE: LinkByPhone; DEFAULT_PHONE_REGION: PhoneRegion },
  cli: Cli,
): Promise<void> {
  const matching = { linkByPhone: env.LINK_BY_PHONE, phoneRegion: env.DEFAULT_PHONE_REGION };
  const foresight = await foresee(pool, pages, matching);
  cli.report(foresight, () => linesOfForesight(foresight).forEach(cli.say));
}
