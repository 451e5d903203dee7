import { CHANNEL_CODES, type Channel } from '@contour/contract';
import type { TailBeat, TailOwner } from '@contour/queue';
import { listTenants, type Pool, tenantsOfAccounts } from '@contour/store';

/** Nobody's: an account that no tenant has. */
const NOBODY = '';

const LOOK_AGAIN_MS = 10_000;

export interface Owners {
  /** Finds out about those that are not known yet; what cannot be found out is asked again later. */
  learn(beats: readonly TailBeat[]): Promise<void>;
  /** The tenant's id, or NOBODY. */
  tenantOf(owner: TailOwner): string;
  nameOf(tenantId: string): string;
}

function accountOf(owner: TailOwner): { channel: Channel; fingerprint: string } | undefined {
  const [channel, fingerprint] = owner.split(':');
  const known = CHANNEL_CODES.find((code) => code === channel);
  return known === undefined || fingerprint === undefined
    ? undefined
    : { channel: known, fingerprint };
}

/** Whose messages they are, and what these tenants are called: Postgres knows. */
export function createOwners(pool: Pool): Owners {
  const tenants = new Map<TailOwner, string>();
  const names = new Map<string, string>();
  let strangers = new Set<TailOwner>();
  let forgetAt = 0;

  async function learnAccounts(owners: readonly TailOwner[]): Promise<void> {
    const accounts = owners.map(accountOf).filter((account) => account !== undefined);
    if (accounts.length === 0) return;
    for (const { channel, fingerprint, tenantId } of await tenantsOfAccounts(pool, accounts)) {
      tenants.set(`${channel}:${fingerprint}`, tenantId);
    }
  }

  const isUnknown = (owner: TailOwner) =>
    owner !== NOBODY && !strangers.has(owner) && !tenants.has(owner) && !names.has(owner);

  return {
    async learn(beats) {
      // Accounts are registered, and tenants added, while somebody looks.
      if (Date.now() > forgetAt) {
        strangers = new Set();
        forgetAt = Date.now() + LOOK_AGAIN_MS;
      }
      const told = new Set(beats.flatMap(({ counts }) => counts.map(([owner]) => owner)));
      const unknown = [...told].filter(isUnknown);
      if (unknown.length === 0) return;
      try {
        await learnAccounts(unknown);
        for (const { id, name } of await listTenants(pool)) names.set(id, name);
      } catch {
        // Postgres is away: the counts are shown all the same, under their ids.
      }
      for (const owner of unknown) if (isUnknown(owner)) strangers.add(owner);
    },
    tenantOf: (owner) => tenants.get(owner) ?? (owner.includes(':') ? NOBODY : owner),
    nameOf: (tenantId) =>
      names.get(tenantId) ?? (tenantId === NOBODY ? '(unknown account)' : tenantId),
  };
}
