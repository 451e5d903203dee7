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
import type { Pool } from '@contour/store';
import { type AddCommand, UsageError } from '../cli.ts';
import { databaseEnv } from '../env.ts';
import { createStepBars } from '../progress-bar.ts';
import { withDatabase } from '../servers.ts';
import { paint } from '../text.ts';

const adoptEnv = databaseEnv.extend({
  DEFAULT_PHONE_REGION: phoneRegion,
});

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

/** Fires at Ctrl-C and SIGTERM. A second one ends the process at once. */
function createStopSignal(): { signal: AbortSignal; forget(): void } {
  const stopping = new AbortController();
  const forget = () => void process.off('SIGINT', stop).off('SIGTERM', stop);
  function stop(): void {
    forget();
    stopping.abort();
    setTimeout(() => process.exit(STOPPED), GRACE_MS).unref();
  }
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return { signal: stopping.signal, forget };
}

type Say = (line: string) => void;

const VERDICTS = {
  cannot: ['red', 'cannot be adopted'],
  decide: ['yellow', 'you decide'],
  apply: ['green', '--apply does it'],
} as const;

function printFinding({ count, what, verdict, advice, examples }: Finding, say: Say): void {
  const [colour, verdictText] = VERDICTS[verdict];
  say(`${paint(colour, verdictText)}: ${count} ${what}: ${advice}`);
  for (const example of examples) say(paint('dim', `  ${example}`));
}

function printState({ state }: Adoption, say: Say): void {
  if (state === 'ours') say('nothing to do: this database has the tables that Contour needs');
  if (state === 'empty') say('nothing to adopt: contour migrate makes the tables');
}

function printChecked(found: Adoption, say: Say): void {
  printState(found, say);
  if (found.state !== 'theirs') return;
  for (const verdict of ['cannot', 'decide', 'apply'] as const) {
    for (const finding of found.findings) {
      if (finding.verdict === verdict) printFinding(finding, say);
    }
  }
  const needsYou = found.findings.some(({ verdict }) => verdict !== 'apply');
  say(
    needsYou ? 'not everything can be adopted as it stands' : 'contour adopt --apply can do it all',
  );
}

function printApplied(found: Applied, say: Say): void {
  printState(found, say);
  if (found.state !== 'theirs') return;
  for (const { reason, count } of found.setAside) say(`set aside: ${count} ${reason}`);
  for (const finding of found.findings) printFinding(finding, say);
  for (const step of found.left) say(`left: ${step}`);
  if (found.left.length > 0) say('not adopted yet: settle what is left and run it again');
  else if (found.findings.length === 0) say('adopted');
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
      const bars = createStepBars(cli.screen);
      const { signal, forget } = createStopSignal();
      const options = {
        ...{ region: env.DEFAULT_PHONE_REGION, domainId: domainIdOf(domainId) },
        show: (step: string, done: number, total: number) =>
          bars.show(step.padEnd(STEP_WIDTH), done, total),
        signal,
      };
      const run = async <T>(work: (pool: Pool, options: AdoptOptions) => Promise<T>) => {
        try {
          return await withDatabase(env.DATABASE_URL, (pool) => work(pool, options), PATIENCE);
        } catch (error) {
          if (!signal.aborted) throw error;
          bars.end();
          cli.complain(check ? 'stopped' : 'stopped; the same command continues from here');
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
