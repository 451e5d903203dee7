import { createTailListener } from '@contour/queue/tail';
import { readEnv } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import type { AddCommand, Cli } from '../cli.ts';
import { serversEnv } from '../env.ts';
import { withDatabase } from '../servers.ts';
import { type ShowSecond, showJson, showLines, showTable } from '../tail/show-tail.ts';
import { createOwners, watchTail } from '../tail/watch-tail.ts';
import { pickTenant, TENANT_OPTION, wholeNumber } from '../options.ts';

const ABOUT =
  'show per second and tenant what is accepted (by HTTP), resolved, delivered, failing, dead and ' +
  'parked, until Ctrl-C; counted only while this command runs';

const MAX_SECONDS = 2_000_000;

interface TailOptions {
  tenant?: string;
  for?: string;
}

const secondsOf = (text: string): number =>
  wholeNumber(
    text,
    [1, MAX_SECONDS],
    `--for must be a whole number of seconds, from 1 to ${MAX_SECONDS}`,
  );

/** Fires at Ctrl-C, after --for, and when the reader of the output has ended. */
function untilStopped(seconds: number | undefined): AbortSignal {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.stdout.on('error', stop);
  if (seconds !== undefined) setTimeout(stop, seconds * 1000).unref();
  return stopping.signal;
}

function showOf(cli: Cli): ShowSecond {
  if (cli.isJson()) return showJson(cli.say);
  return process.stdout.isTTY ? showTable(process.stdout) : showLines(cli.say);
}

async function tail(
  cli: Cli,
  redisUrl: string,
  pool: Database,
  { tenant, seconds }: { tenant: string | undefined; seconds: number | undefined },
): Promise<boolean> {
  const tenantId = tenant === undefined ? undefined : (await pickTenant(pool, tenant)).id;
  const remark = cli.complain;
  const watch = watchTail({
    ...{ tenantId, remark, owners: createOwners(pool) },
    ...{ show: showOf(cli), signal: untilStopped(seconds) },
  });
  let lastError = '';
  const onError = ({ message }: Error) => {
    if (message !== lastError) remark(`Redis: ${message}`);
    lastError = message;
  };
  const listener = createTailListener({ redisUrl, onError, onBeat: watch.hear });
  try {
    return await watch.run();
  } finally {
    await listener.close();
  }
}

export const add: AddCommand = (program, cli) => {
  program
    .command('tail')
    .description(ABOUT)
    .option(...TENANT_OPTION)
    .option('--for <seconds>', 'end after this time; with 1 if no process has answered')
    .addHelpText('after', '\nExample:\n  contour tail --tenant Acme --for 60')
    .action(async ({ tenant, for: duration }: TailOptions) => {
      const seconds = duration === undefined ? undefined : secondsOf(duration);
      const env = readEnv(serversEnv, cli.env);
      const hasHeard = await withDatabase(env.DATABASE_URL, (pool) =>
        tail(cli, env.REDIS_URL, pool, { tenant, seconds }),
      );
      if (seconds !== undefined && !hasHeard) cli.endWithOne();
    });
};
