import { fingerprintOf } from '@contour/contract';
import { rotateChannelAccount } from '@contour/store';
import type { Contour } from '../../support/contour.ts';
import { request } from '../../support/send.ts';
import { switchAccount, switchTenant } from '../../support/tenants.ts';
import { waitFor } from '../../support/wait-for.ts';
import { credentialOf } from '../credentials.ts';
import { type Account, pickTenant, register, type Town } from '../town.ts';
import type { Card, Hand } from './deal.ts';

/** How long old credentials are found: senders that wait for the end of an outage may use one. */
const KEEP_MS = 20 * 60 * 1000;

/** Postgres or Redis may be away: an operator tries again. */
const untilDone = <T>(what: string, work: () => Promise<T>) =>
  waitFor(what, async () => ({ done: await work() }), { deadlineMs: 90_000, everyMs: 500 }).then(
    ({ done }) => done,
  );

/** The operators' endpoints. A missing entry gives undefined. */
export async function operate(contour: Contour, method: string, path: string, body?: unknown) {
  return untilDone(`${method} ${path}`, async () => {
    const { status, text, json } = await request(method, `${contour.url}${path}`, { body });
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return json;
  });
}

/** A sender may be refused from just before the switch until just after it. */
async function whileOff(
  switched: Pick<Account, 'offUntil'>,
  turn: (isOn: boolean) => Promise<void>,
  { lasting }: Hand,
): Promise<void> {
  switched.offUntil = Number.POSITIVE_INFINITY;
  await untilDone('the switching off', () => turn(false));
  await lasting(1_000, 12_000);
  await untilDone('the switching on', () => turn(true));
  switched.offUntil = Date.now();
}

/** All accounts that are not registered yet. */
export async function registerAll({ database }: Contour, town: Town): Promise<number> {
  const count = town.strangers.length;
  while (town.strangers.length > 0) {
    const [stranger] = town.strangers;
    if (stranger === undefined) break;
    await untilDone('the registration', () => register(database.pool, stranger));
    town.strangers.shift();
  }
  return count;
}

/** The work of operators. */
export function operatorCards(contour: Contour, town: Town): Card[] {
  const { pool } = contour.database;
  return [
    {
      name: 'unknown accounts registered',
      async play() {
        const count = await registerAll(contour, town);
        return count === 0 ? undefined : `${count}`;
      },
    },
    {
      name: 'a tenant switched off and on',
      async play(hand) {
        const tenant = pickTenant(town, hand.dice);
        await whileOff(tenant, (isOn) => switchTenant(pool, tenant.id, isOn), hand);
        return `tenant ${tenant.index}`;
      },
    },
    {
      name: 'an account switched off and on',
      async play(hand) {
        const account = hand.dice.pick(pickTenant(town, hand.dice).accounts);
        const { id, tenant } = account;
        if (id === null) return undefined;
        await whileOff(account, (isOn) => switchAccount(pool, id, isOn), hand);
        return `account ${id} of tenant ${tenant.index}`;
      },
    },
    {
      name: 'a credential rotated',
      async play({ dice }) {
        const account = dice.pick(pickTenant(town, dice).accounts);
        const { id, channel } = account;
        if (id === null || Date.now() - account.rotatedAt < KEEP_MS) return undefined;
        const credential = credentialOf(dice, channel);
        await untilDone('the rotation', () =>
          rotateChannelAccount(pool, { id, credential, keepMs: KEEP_MS }),
        );
        account.rotatedAt = Date.now();
        Object.assign(account, { credential, fingerprint: fingerprintOf(credential) });
        return `account ${id}`;
      },
    },
    {
      name: 'dead letters replayed',
      async play({ dice }) {
        const reason = dice.pick(['core_refused', 'core_exhausted']);
        const { items } = await operate(contour, 'GET', `/dlq?reason=${reason}&limit=1`);
        if (items.length === 0) return undefined;
        const isOne = dice.chance(0.3);
        const path = isOne ? `/dlq/${items[0].id}/replay` : '/dlq/replay';
        const done = await operate(contour, 'POST', path, isOne ? undefined : { reason });
        return done && `${done.replayed} of ${reason}`;
      },
    },
    {
      name: 'dead letters cleared',
      async play({ dice }) {
        const reason = dice.pick(['conflict', 'invalid']);
        const { count } = await operate(contour, 'DELETE', `/dlq?reason=${reason}`);
        return count === 0 ? undefined : `${count} of ${reason}`;
      },
    },
    {
      name: 'conversations closed',
      async play({ dice }) {
        const { id } = pickTenant(town, dice);
        const most = dice.between(1, 5);
        const closing = () =>
          pool.query(
            `update dialogs set status_id = 3, updated_at = now() where tenant_id = $1 and id in (
               select id from dialogs where tenant_id = $1 and status_id = 1 order by id limit $2)`,
            [id, most],
          );
        const { rowCount } = await untilDone('the closing', closing);
        return rowCount ? `${rowCount}` : undefined;
      },
    },
  ];
}
