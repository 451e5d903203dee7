import { readEnv } from '@contour/runtime';
import type { Cli } from '../cli.ts';
import { resolvingEnv } from '../env.ts';
import { withDatabase } from '../with-database.ts';
import { foresee, linesOfForesight } from './foresee.ts';
import type { Pages } from './replay.ts';

/** Says what a replay of these entries would come to. */
export async function dryRun(pages: Pages, cli: Cli): Promise<void> {
  const env = readEnv(resolvingEnv, cli.env);
  const matching = { linkByPhone: env.LINK_BY_PHONE, phoneRegion: env.DEFAULT_PHONE_REGION };
  const foresight = await withDatabase(env.DATABASE_URL, (pool) => foresee(pool, pages, matching));
  cli.report(foresight, () => linesOfForesight(foresight).forEach(cli.say));
}
