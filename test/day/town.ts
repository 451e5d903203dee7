import { CHANNEL_CODES, type Channel, fingerprintOf } from '@contour/contract';
import { registerChannelAccount } from '@contour/store';
import { type Dice, diceOf } from '../support/dice.ts';
import type { Pool } from '../support/outside-pool.ts';
import { credentialOf } from './credentials.ts';

/** A channel account. Without an id it is a credential that is not registered yet. */
export interface Account {
  tenant: Tenant;
  channel: Channel;
  credential: string;
  fingerprint: string;
  id: number | null;
  rotatedAt: number;
  /** Until when an answer may say that the account is unknown or switched off. */
  unknownUntil: number;
  offUntil: number;
}

export interface Tenant {
  index: number;
  id: string;
  accounts: Account[];
  /** How many people have written to it so far. */
  people: number;
  /** As `Account` has it. */
  offUntil: number;
}

export interface Town {
  seed: number;
  tenants: Tenant[];
  /** Accounts that get messages before they are registered. */
  strangers: Account[];
}

async function addTenant(pool: Pool, dice: Dice, index: number): Promise<Tenant> {
  const { rows } = await pool.query<{ id: string }>(
    'insert into tenants (domain_id, name) values ($1, $2) returning id',
    [index + 1, `tenant ${index}`],
  );
  const tenant: Tenant = { index, id: rows[0]?.id ?? '', accounts: [], people: 0, offUntil: 0 };
  const first = dice.between(0, CHANNEL_CODES.length - 1);
  const count = dice.between(2, 4);
  for (let i = 0; i < count; i += 1) {
    const channel = CHANNEL_CODES[(first + i) % CHANNEL_CODES.length] ?? 'telegram';
    await register(pool, newAccount(dice, tenant, channel));
  }
  return tenant;
}

export function newAccount(dice: Dice, tenant: Tenant, channel: Channel): Account {
  const credential = credentialOf(dice, channel);
  return {
    ...{ tenant, channel, credential, id: null },
    fingerprint: fingerprintOf(credential),
    ...{ rotatedAt: 0, offUntil: 0, unknownUntil: Number.POSITIVE_INFINITY },
  };
}

/** Registers an account with its tenant. */
export async function register(pool: Pool, account: Account): Promise<void> {
  const { tenant, channel, credential } = account;
  const order = { tenantId: tenant.id, channel, credential };
  const given = await registerChannelAccount(pool, order);
  if (given.kind === 'taken') throw new Error('a credential was drawn twice');
  account.id = given.account.id;
  account.unknownUntil = Date.now();
  tenant.accounts.push(account);
}

export async function buildTown(pool: Pool, seed: number, count: number): Promise<Town> {
  const dice = diceOf(seed, 'town');
  const tenants: Tenant[] = [];
  for (let index = 0; index < count; index += 1) tenants.push(await addTenant(pool, dice, index));
  return { seed, tenants, strangers: [] };
}

/** The second tenant gets half as many messages as the first, the third a third, and so on (Zipf). */
export function pickTenant({ tenants }: Town, dice: Dice): Tenant {
  const all = tenants.reduce((sum, { index }) => sum + 1 / (index + 1), 0);
  let at = (dice.between(0, 999_999) / 1_000_000) * all;
  for (const tenant of tenants) {
    at -= 1 / (tenant.index + 1);
    if (at < 0) return tenant;
  }
  return dice.pick(tenants);
}

export interface Person {
  chatOf(channel: Channel): string;
  name: string;
  phone: string | null;
  /** To how many of its tenant's accounts this person writes. */
  reach: number;
}

/** Computed when needed: a town has too many people to keep in memory. */
export function personOf({ seed }: Town, tenant: Tenant, number: number): Person {
  const dice = diceOf(seed, `person ${tenant.index} ${number}`);
  const hasPhone = dice.chance(0.6);
  // Some give the phone of another person.
  const owner = number > 0 && dice.chance(0.03) ? number - 1 : number;
  const digits = String(tenant.index * 1_000_000 + owner).padStart(9, '0');
  return {
    chatOf: (channel) => (channel === 'whatsapp' ? `79${digits}-${number}` : `${number}`),
    name: `Жанна ${tenant.index}-${number} 👋`,
    phone: hasPhone ? `+79${digits}` : null,
    reach: dice.chance(0.3) ? 2 : 1,
  };
}
