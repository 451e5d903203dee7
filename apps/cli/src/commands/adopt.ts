import { phoneRegion } from '@contour/contract';
import { readEnv } from '@contour/runtime';
import { type AdoptOptions, applyAdoption, checkAdoption, type Pool } from '@contour/store';
import { printApplied, printChecked } from '../adopt/print-adoption.ts';
import { createStepBars } from '../adopt/step-bars.ts';
import { createStopSignal, STOPPED } from '../adopt/stop-signal.ts';
import { type AddCommand, UsageError } from '../cli.ts';
import { databaseEnv } from '../env.ts';
import { withDatabase } from '../with-database.ts';

const adoptEnv = databaseEnv.extend({
  DEFAULT_PHONE_REGION: phoneRegion,
});

// An index of a table with a hundred million rows takes its time.
const PATIENCE = { statementTimeoutMs: 24 * 60 * 60 * 1000 };

interface Options {
  check?: boolean;
  apply?: boolean;
  domainId?: string;
}

function domainIdOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const id = Number(text);
  if (Number.isInteger(id) && Math.abs(id) < 2 ** 31) return id;
  throw new UsageError('--domain-id must be a whole number');
}

export const addAdopt: AddCommand = (program, cli) => {
  program
    .command('adopt')
    .description('take over a database that already holds clients and dialogs of another system')
    .option('--check', 'say what stands in the way; ends with 1 where you must decide something')
    .option('--apply', 'do it, beside running writers; may be stopped and run again')
    .option('--domain-id <n>', 'the domain of tenants that have none')
    .addHelpText('after', '\nExample:\n  contour adopt --check --domain-id 1')
    .action(async ({ check, apply, domainId }: Options) => {
      if (check === apply) throw new UsageError('say either --check or --apply');
      const env = readEnv(adoptEnv, cli.env);
      const bars = createStepBars(cli.screen);
      const { signal, forget } = createStopSignal();
      const options = {
        ...{ region: env.DEFAULT_PHONE_REGION, domainId: domainIdOf(domainId) },
        ...{ show: bars.show, signal },
      };
      const run = async <T>(work: (pool: Pool, options: AdoptOptions) => Promise<T>) => {
        try {
          return await withDatabase(env.DATABASE_URL, (pool) => work(pool, options), PATIENCE);
        } catch (error) {
          if (!signal.aborted) throw error;
          bars.end();
          cli.complain(check ? 'stopped' : 'stopped; the same command goes on from here');
          process.exit(STOPPED);
        } finally {
          forget();
          bars.end();
        }
      };
      if (check) {
        const found = await run(checkAdoption);
        cli.report(found, () => printChecked(found, cli.say));
        if (found.findings.some(({ verdict }) => verdict !== 'apply')) cli.endWithOne();
      } else {
        const applied = await run(applyAdoption);
        cli.report(applied, () => printApplied(applied, cli.say));
        if (applied.left.length > 0 || applied.findings.length > 0) cli.endWithOne();
      }
    });
};
