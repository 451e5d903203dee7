import type { ClientBase, Pool } from 'pg';

/*
 * By default Postgres plans a statement with arrays at each execution, which costs as much as running it: it estimates
 * that a plan for three rows is cheaper than a generic one.
 */
const PLAN_ONCE = 'set plan_cache_mode = force_generic_plan';
/** A statement reads few rows, which are mostly in memory, however large the table is. */
const LOOK_UP = 'set enable_seqscan = off; set random_page_cost = 1.1';
/** Without a suitable index a plan looks expensive enough for JIT, which takes longer than the statement. */
const NOT_COMPILED = 'set jit = off';

/** For a connection that reads a few rows by their keys, again and again. */
export const FOR_LOOKUPS = `${PLAN_ONCE}; ${LOOK_UP}; ${NOT_COMPILED}`;

export async function preferLookups(client: ClientBase): Promise<void> {
  await client.query(FOR_LOOKUPS);
}

const FIRST_MS = 1_000;
const LATEST_MS = 60_000;
/** Longer than any work over such a connection should take. */
const SLOW_MS = 200;

interface Age {
  takenAtMs: number;
  forgottenAtMs: number;
  forgetAtMs: number;
  everyMs: number;
}

/**
 * A plan that was made while a table was empty reads all of the table later, until Postgres gathers statistics. So a
 * connection discards its plans after 1 s, after 2 more, after 4 more … and in the end once a minute, at its next use;
 * and after work that was slow.
 */
export function forgetPlans(pool: Pool): void {
  const ageOf = new WeakMap<ClientBase, Age>();

  pool.on('acquire', (client) => {
    const now = performance.now();
    const age = ageOf.get(client) ?? {
      takenAtMs: 0,
      forgottenAtMs: -Infinity,
      forgetAtMs: now + FIRST_MS,
      everyMs: FIRST_MS,
    };
    ageOf.set(client, age);
    age.takenAtMs = now;
    if (now < age.forgetAtMs) return;
    age.everyMs = Math.min(age.everyMs * 2, LATEST_MS);
    age.forgetAtMs = now + age.everyMs;
    age.forgottenAtMs = now;
    // Sent before the statement for which the connection was taken. If the connection is broken, that statement fails.
    client.query('discard plans').catch(() => undefined);
  });

  pool.on('release', (_, client) => {
    const age = ageOf.get(client);
    if (!age || performance.now() - age.takenAtMs <= SLOW_MS) return;
    // At most once a second: if Postgres itself is slow, planning at each use would make it slower.
    age.forgetAtMs = Math.min(age.forgetAtMs, age.forgottenAtMs + FIRST_MS);
  });
}
