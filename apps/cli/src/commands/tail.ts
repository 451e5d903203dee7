import { setTimeout as delay } from 'node:timers/promises';
import { accountOf, CHANNEL_CODES } from '@contour/contract';
import { createTailListener, type TailBeat, type TailOwner } from '@contour/queue/tail';
import { readEnv } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { listTenants, tenantsOfAccounts } from '@contour/store/tenants';
import type { AddCommand, Cli } from '../cli.ts';
import { serversEnv } from '../env.ts';
import { pickTenant, TENANT_OPTION, wholeNumber } from '../options.ts';
import { withDatabase } from '../servers.ts';
import { createStopSignal } from '../stop-signal.ts';
import { type ShowSecond, showJson, showLines, showTable, sumBeats } from './tail-print.ts';

/** The owner of messages whose account no tenant has. */
const NO_TENANT = '';

const LOOK_AGAIN_MS = 10_000;

function readAccount(owner: TailOwner) {
  const [code, fingerprint] = owner.split(':');
  const channel = CHANNEL_CODES.find((known) => known === code);
  return channel === undefined || fingerprint === undefined ? [] : [{ channel, fingerprint }];
}

/** The tenants of the counted messages, and their names. */
function createOwners(pool: Database) {
  const tenants = new Map<TailOwner, string>();
  const names = new Map<string, string>();
  let strangers = new Set<TailOwner>();
  let forgetAt = 0;

  const isUnknown = (owner: TailOwner) =>
    owner !== NO_TENANT && !strangers.has(owner) && !tenants.has(owner) && !names.has(owner);

  return {
    /** Looks up unknown owners in Postgres. An owner that was not found is looked up again later. */
    async learn(beats: readonly TailBeat[]): Promise<void> {
      // Meanwhile accounts and tenants may have been added.
      if (Date.now() > forgetAt) {
        strangers = new Set();
        forgetAt = Date.now() + LOOK_AGAIN_MS;
      }
      const owners = new Set(beats.flatMap(({ counts }) => counts.map(([owner]) => owner)));
      const unknown = [...owners].filter(isUnknown);
      if (unknown.length === 0) return;
      try {
        for (const account of await tenantsOfAccounts(pool, unknown.flatMap(readAccount))) {
          tenants.set(accountOf(account), account.tenantId);
        }
        for (const { id, name } of await listTenants(pool)) names.set(id, name);
      } catch {
        // Without Postgres, the counts are shown under ids.
      }
      for (const owner of unknown) if (isUnknown(owner)) strangers.add(owner);
    },
    /** The tenant's id, or an empty text. */
    tenantOf: (owner: TailOwner) => tenants.get(owner) ?? (owner.includes(':') ? NO_TENANT : owner),
    nameOf: (tenantId: string) =>
      names.get(tenantId) ?? (tenantId === NO_TENANT ? '(unknown account)' : tenantId),
  };
}

const SECOND_MS = 1_000;
/** Processes publish their counts at the full second. After this time all have arrived. */
const HEARD_AFTER_MS = 500;
const SILENT_MS = 3_000;

interface Watching {
  owners: ReturnType<typeof createOwners>;
  /** Only this tenant. */
  tenantId: string | undefined;
  show: ShowSecond;
  /** Shows a line about the processes, not about messages. */
  remark: (line: string) => void;
  signal: AbortSignal;
}

const countOf = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

function answering(processes: ReadonlyMap<string, TailBeat['process']>): string {
  const kinds = [...processes.values()];
  const apis = kinds.filter((kind) => kind === 'api').length;
  return `${countOf(apis, 'API')} and ${countOf(kinds.length - apis, 'worker')} answer`;
}

/** Gathers the counts of all processes, and shows them every second. `run` resolves with whether any process answered. */
function watchTail({ owners, tenantId, show, remark, signal }: Watching) {
  const processes = new Map<string, TailBeat['process']>();
  let beats: TailBeat[] = [];
  let heardAt = Date.now();
  let isSilent = false;
  let remarked = '';

  const remarkOnProcesses = () => {
    const silent = Date.now() - heardAt >= SILENT_MS;
    if (silent && !isSilent) {
      remark('no process has answered for 3 s: does an API or a worker run with this REDIS_URL?');
      processes.clear();
      remarked = '';
    }
    isSilent = silent;
    const now = answering(processes);
    if (processes.size > 0 && now !== remarked) {
      remark(now);
      remarked = now;
    }
  };

  const showSecond = async (at: Date) => {
    const heard = beats;
    beats = [];
    await owners.learn(heard);
    const rows = [...sumBeats(heard, owners.tenantOf)];
    const shown = rows.filter(([id]) => tenantId === undefined || id === tenantId);
    const lines = shown.map(([id, row]) => ({ tenantId: id, tenant: owners.nameOf(id), ...row }));
    show(at, lines);
  };

  const run = async (): Promise<boolean> => {
    while (!signal.aborted) {
      const waitMs = SECOND_MS - ((Date.now() + SECOND_MS - HEARD_AFTER_MS) % SECOND_MS);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      remarkOnProcesses();
      await showSecond(new Date(Math.floor(Date.now() / SECOND_MS) * SECOND_MS));
    }
    return remarked !== '';
  };

  return {
    hear(beat: TailBeat): void {
      heardAt = Date.now();
      processes.set(beat.id, beat.process);
      beats.push(beat);
    },
    run,
  };
}

const ABOUT =
  'show per second and tenant what is accepted (by HTTP), resolved, delivered, failing, dead and ' +
  'parked, until Ctrl-C; counted only while this command runs';

const MAX_SECONDS = 2_000_000;

interface TailOptions {
  tenant?: string;
  for?: string;
}

const FAULT = `--for must be a whole number of seconds, from 1 to ${MAX_SECONDS}`;

/** Fires at Ctrl-C, after --for, and when the reader of the output has ended. */
function untilStopped(seconds: number | undefined): AbortSignal {
  const { signal, stop } = createStopSignal();
  process.stdout.on('error', stop);
  if (seconds !== undefined) setTimeout(stop, seconds * 1000).unref();
  return signal;
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
      const seconds =
        duration === undefined ? undefined : wholeNumber(duration, [1, MAX_SECONDS], FAULT);
      const env = readEnv(serversEnv, cli.env);
      const hasHeard = await withDatabase(env.DATABASE_URL, (pool) =>
        tail(cli, env.REDIS_URL, pool, { tenant, seconds }),
      );
      if (seconds !== undefined && !hasHeard) cli.endWithOne();
    });
};
