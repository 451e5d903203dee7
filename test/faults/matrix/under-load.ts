import { inject } from 'vitest';
import type { Contour, ContourOptions } from '../../support/contour.ts';
import { messagesOf } from '../../support/messages.ts';
import { isWholeMatrix } from '../../support/seed.ts';
import { acceptedCount, type RunningLoad, startLoad } from '../../support/send.ts';
import type { TestTenant } from '../../support/tenants.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Outcome } from './row.ts';

/**
 * With `npm run faults` every row ends with a comparison of the graph and Postgres. With `npm test` only
 * few do: a mirror doubles the time that a system needs to start.
 */
export const graphOfMatrix = (): string | undefined =>
  isWholeMatrix() ? inject('neo4j').uri : undefined;

/** The processes of most rows. With `npm test` one API takes the whole load. */
export const systemOfMatrix = (): ContourOptions => ({
  neo4jUri: graphOfMatrix(),
  apis: isWholeMatrix() ? 2 : 1,
  workers: 2,
});

const alive = (contour: Contour) => contour.workers.filter((worker) => !worker.ended());

/** Replaces the workers that the row before has ended. */
export async function ensureWorkers(contour: Contour, count: number): Promise<void> {
  // A failed row may have left one frozen.
  for (const worker of alive(contour)) worker.thaw();
  while (alive(contour).length < count) await contour.startWorker();
}

export interface Size {
  count: number;
  chats: number;
  /** How many senders work side by side. */
  senders: number;
  /** How long each pauses after a message, so that the load outlasts the fault. */
  paceMs?: number;
  /** How many are accepted before the fault. */
  ahead: number;
}

export const FAST: Size = { count: 500, chats: 60, senders: 30, ahead: 150 };
/** At most forty messages a second, for ten seconds and the length of the fault. */
export const STEADY: Size = { count: 400, chats: 60, senders: 16, paceMs: 400, ahead: 100 };

/** A few at a time, for as long as an outage of a minute. */
export const LONG: Size = { count: 300, chats: 60, senders: 6, paceMs: 100, ahead: 100 };

/** The load in the words of the table. */
export function told({ count, chats, senders, paceMs }: Size): string {
  const pace = paceMs === undefined ? '' : `, at most ${Math.round((senders * 1000) / paceMs)}/s`;
  return `${count} messages of ${chats} chats, ${senders} senders${pace}`;
}

// One system serves several rows: its ledger has the messages of all of them.
const loadsOf = new WeakMap<Contour, RunningLoad[]>();

const everSentTo = (contour: Contour): ReadonlySet<string> =>
  new Set((loadsOf.get(contour) ?? []).flatMap(({ sent }) => [...sent]));

interface Way {
  /** Where it is sent. Default: directly to every API. */
  urls?: readonly string[];
  /** The tenant. Default: a new one. */
  tenant?: TestTenant;
}

/** Starts a load and waits until it is under way: a fault now meets work in all stages. */
export async function underLoad(
  contour: Contour,
  size: Size,
  { urls = contour.urls, tenant }: Way = {},
): Promise<RunningLoad> {
  const { telegram } = (tenant ?? (await contour.addTenant())).accounts;
  const { count, chats, senders, paceMs, ahead } = size;
  const load = startLoad({
    urls,
    messages: messagesOf(telegram, { count, chats }),
    concurrency: senders,
    ...(paceMs === undefined ? {} : { paceMs }),
  });
  loadsOf.set(contour, [...(loadsOf.get(contour) ?? []), load]);
  await acceptedCount(load, ahead);
  return load;
}

async function settledCount({ database }: Contour, ids: readonly string[]): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    "select count(*)::int from messages where id = any($1) and status <> 'pending'",
    [ids],
  );
  return rows[0]?.count ?? 0;
}

/** How long it takes until all messages sent so far are delivered or dead. */
export async function secondsUntilThrough(
  contour: Contour,
  { sent }: { sent: ReadonlySet<string> },
  deadlineMs = 60_000,
): Promise<number> {
  const since = performance.now();
  const caught = [...sent];
  const isThrough = async () => (await settledCount(contour, caught)) === caught.length;
  await waitFor('all sent messages to be settled', isThrough, { deadlineMs, everyMs: 50 });
  return (performance.now() - since) / 1000;
}

/** The death of a process would go unnoticed otherwise: others do its work. */
function expectNoDeath({ apis, workers }: Contour): void {
  const died = [...apis, ...workers].find((one) => one.endedByItself());
  if (died) throw new Error(`a ${died.name} has ended by itself:\n${died.output().slice(-2000)}`);
}

/** Call it when the fault ends: waits for the delayed messages, then for the others, and runs the checker. */
export async function recover(
  contour: Contour,
  load: RunningLoad,
  deadlineMs?: number,
): Promise<Outcome> {
  const recoverySeconds = await secondsUntilThrough(contour, load, deadlineMs);
  const { accepted } = await load.done;
  expectNoDeath(contour);
  const violations = await contour.check({ accepted, sent: everSentTo(contour) });
  return { recoverySeconds, violations };
}
