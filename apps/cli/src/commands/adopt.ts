import {
  type Adoption,
  type AdoptOptions,
  type Applied,
  applyAdoption,
  checkAdoption,
  type Finding,
} from '@contour/adopt';
import { phoneRegion } from '@contour/contract';
import { readEnv } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { type AddCommand, UsageError } from '../cli.ts';
import { databaseEnv } from '../env.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withDatabase } from '../servers.ts';
import { createStopSignal } from '../stop-signal.ts';
import { paint } from '../text.ts';

const adoptEnv = databaseEnv.extend({ DEFAULT_PHONE_REGION: phoneRegion });

// Indexing a table of a hundred million rows takes long.
const PATIENCE = { statementTimeoutMs: 24 * 60 * 60 * 1000 };

/** Aligns the bars of all steps. */
const STEP_WIDTH = 28;

/** The exit code that a shell reports for a command ended by Ctrl-C. */
const STOPPED = 130;

/** Longer than a server takes to end a session. A server that does not answer must not keep the command. */
const GRACE_MS = 5_000;

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

const VERDICTS = {
  cannot: ['red', 'cannot be adopted'],
  decide: ['yellow', 'you decide'],
  apply: ['green', '--apply does it'],
} as const;

const NOTHING_TO_DO = {
  ours: ['nothing to do: this database has the tables that Contour needs'],
  empty: ['nothing to adopt: contour migrate makes the tables'],
};

function linesOfFinding({ count, what, verdict, advice, examples }: Finding): string[] {
  const [colour, verdictText] = VERDICTS[verdict];
  const said = `${paint(colour, verdictText)}: ${count} ${what}: ${advice}`;
  return [said, ...examples.map((example) => paint('dim', `  ${example}`))];
}

const needsDecision = ({ findings }: Adoption) => findings.some((one) => one.verdict !== 'apply');

function linesOfCheck(found: Adoption): string[] {
  if (found.state !== 'theirs') return NOTHING_TO_DO[found.state];
  const end = needsDecision(found)
    ? 'not everything can be adopted as it stands'
    : 'contour adopt --apply can do it all';
  const verdicts = Object.keys(VERDICTS);
  const findings = verdicts.flatMap((is) => found.findings.filter(({ verdict }) => verdict === is));
  return [...findings.flatMap(linesOfFinding), end];
}

function linesOfApplied({ state, setAside, findings, left }: Applied): string[] {
  if (state !== 'theirs') return NOTHING_TO_DO[state];
  return [
    ...setAside.map(({ reason, count }) => `set aside: ${count} ${reason}`),
    ...findings.flatMap(linesOfFinding),
    ...left.map((step) => `left: ${step}`),
    ...(left.length > 0 ? ['not adopted yet: settle what is left and run it again'] : []),
    ...(left.length === 0 && findings.length === 0 ? ['adopted'] : []),
  ];
}

export const add: AddCommand = (program, cli) => {
  program
    .command('adopt')
    .description('take over a database that already holds clients and dialogs of another system')
    .option('--check', 'list what stands in the way; ends with 1 if you must decide something')
    .option('--apply', 'adopt it while others write; may be stopped and run again')
    .option('--domain-id <n>', 'the domain of tenants that have none')
    .addHelpText('after', '\nExample:\n  contour adopt --check --domain-id 1')
    .action(async ({ check, apply, domainId }: Options) => {
      if (check === apply) throw new UsageError('give either --check or --apply');
      const env = readEnv(adoptEnv, cli.env);
      const bar = createProgressBar(cli.screen);
      const { signal, forget } = createStopSignal();
      signal.onabort = () => setTimeout(() => process.exit(STOPPED), GRACE_MS).unref();
      const options = {
        ...{ region: env.DEFAULT_PHONE_REGION, domainId: domainIdOf(domainId) },
        show: (step: string, done: number, total: number) =>
          bar.show(step.padEnd(STEP_WIDTH), done, total),
        signal,
      };
      const run = async <T>(work: (pool: Database, options: AdoptOptions) => Promise<T>) => {
        try {
          return await withDatabase(env.DATABASE_URL, (pool) => work(pool, options), PATIENCE);
        } catch (error) {
          if (!signal.aborted) throw error;
          bar.end();
          cli.complain(check ? 'stopped' : 'stopped; the same command continues from here');
          process.exit(STOPPED);
        } finally {
          forget();
          bar.end();
        }
      };
      if (check) {
        const found = await run(checkAdoption);
        cli.report(found, () => linesOfCheck(found));
        if (needsDecision(found)) cli.endWithOne();
      } else {
        const applied = await run(applyAdoption);
        cli.report(applied, () => linesOfApplied(applied));
        if (applied.left.length > 0 || applied.findings.length > 0) cli.endWithOne();
      }
    });
};
