import type { ClientBase, Pool } from 'pg';

/*
 * Left to itself Postgres plans a statement with arrays anew each time, which costs as much as running it: the
 * plan for three rows looks cheaper to it than one for any number of them.
 */
const PLAN_ONCE = 'set plan_cache_mode = force_generic_plan';
/** The rows that are asked for are few, and lie in memory for the most part, however few there are of others. */
const LOOK_UP = 'set enable_seqscan = off; set random_page_cost = 1.1';
/** Where a table has no index to go by, the plan seems dear enough to be compiled, which takes longer than all of it. */
const NOT_COMPILED = 'set jit = off';

/** For a connection over which a few rows are asked for by their keys, again and again. */
export const FOR_LOOKUPS = `${PLAN_ONCE}; ${LOOK_UP}; ${NOT_COMPILED}`;

export async function preferLookups(client: ClientBase): Promise<void> {
  await client.query(FOR_LOOKUPS);
}

const FIRST_MS = 1_000;
const LATEST_MS = 60_000;
/** Longer than any of it should take. */
const SLOW_MS = 200;

interface Age {
  takenAtMs: number;
  forgottenAtMs: number;
  forgetAtMs: number;
  everyMs: number;
}

/**
 * A plan that was made while a table was empty reads all of it later on, until Postgres gathers statistics. So a
 * connection forgets its plans: after a second, after two more, after four more … and in the end once a minute, when it
 * is next used; and after work that was slow.
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
    // In line before what the connection was taken for; whatever is wrong with it, that will tell.
    client.query('discard plans').catch(() => undefined);
  });

  pool.on('release', (_, client) => {
    const age = ageOf.get(client);
    if (!age || performance.now() - age.takenAtMs <= SLOW_MS) return;
    // Where Postgres is slow itself, planning each time would only make it slower.
    age.forgetAtMs = Math.min(age.forgetAtMs, age.forgottenAtMs + FIRST_MS);
  });
}
