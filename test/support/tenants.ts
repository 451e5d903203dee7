import { randomInt } from 'node:crypto';
import { CHANNEL_CODES, CHANNELS, type Channel, fingerprintOf } from '@contour/contract';
import { drawDigits, drawHex } from './dice.ts';
import type { Pool } from './outside-pool.ts';

export interface TestAccount {
  id: number;
  channel: Channel;
  credential: string;
  fingerprint: string;
}

export interface TestTenant {
  id: string;
  domainId: number;
  accounts: Record<Channel, TestAccount>;
}

/** Long and random, so that a search for it finds nothing else. */
export function makeCredential(channel: Channel): string {
  // These two are numbers, and senders write them so.
  if (channel === 'vk' || channel === 'avito') return `9${drawDigits(13)}`;
  return `secret-${channel}-${drawHex(24)}`;
}

export async function addAccount(
  pool: Pool,
  tenantId: string,
  channel: Channel,
  credential = makeCredential(channel),
): Promise<TestAccount> {
  const { rows } = await pool.query<{ id: number }>(
    'insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, $2, $3) returning id',
    [tenantId, CHANNELS[channel].id, credential],
  );
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('the account was not returned');
  return { id, channel, credential, fingerprint: fingerprintOf(credential) };
}

/** A tenant with one account for each channel. */
export async function addTestTenant(pool: Pool): Promise<TestTenant> {
  const domainId = randomInt(1, 10_000);
  const { rows } = await pool.query<{ id: string }>(
    'insert into tenants (domain_id, name) values ($1, $2) returning id',
    [domainId, `tenant ${domainId}`],
  );
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('the tenant was not returned');
  const accounts = {} as Record<Channel, TestAccount>;
  for (const channel of CHANNEL_CODES) accounts[channel] = await addAccount(pool, id, channel);
  return { id, domainId, accounts };
}

export async function switchTenant(pool: Pool, tenantId: string, isActive: boolean): Promise<void> {
  await pool.query('update tenants set is_active = $2 where id = $1', [tenantId, isActive]);
}

export async function switchAccount(pool: Pool, id: number, isActive: boolean): Promise<void> {
  await pool.query('update channel_accounts set is_active = $2 where id = $1', [id, isActive]);
}
