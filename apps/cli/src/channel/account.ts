import type { ChannelAccount, Given } from '@contour/store';
import { UsageError } from '../cli.ts';
import { printable } from '../printable.ts';
import { paint, tableOf } from '../table.ts';

const SHOWN_DIGITS = 12;

/** An account as --json shows it. */
export function accountBody(account: ChannelAccount) {
  const { id, tenantId, tenantName, channel, mask, fingerprint, isActive, previous } = account;
  return {
    id,
    tenant_id: tenantId,
    tenant: tenantName,
    channel,
    mask,
    fingerprint,
    is_active: isActive,
    previous: previous && {
      fingerprint: previous.fingerprint,
      until: previous.until.toISOString(),
    },
  };
}

/** An account in a sentence: enough to recognise its credential, too little to use it. */
export function credentialOf({ id, channel, tenantName, mask, fingerprint }: ChannelAccount) {
  const print = fingerprint.slice(0, SHOWN_DIGITS);
  return `account ${id}: ${channel} of "${printable(tenantName)}", credential ${mask}, fingerprint ${print}`;
}

const HEADING = [
  'id',
  'tenant',
  'channel',
  'credential',
  'fingerprint',
  'active',
  'previous valid until',
];

export function accountTable(accounts: readonly ChannelAccount[]): string[] {
  if (accounts.length === 0) return ['no channel accounts: see contour channel add --help'];
  const rows = accounts.map((account) => [
    String(account.id),
    printable(account.tenantName),
    account.channel,
    account.mask,
    account.fingerprint.slice(0, SHOWN_DIGITS),
    account.isActive ? 'yes' : paint('red', 'no'),
    account.previous?.until.toISOString() ?? '',
  ]);
  return tableOf(HEADING, rows);
}

/** A credential belongs to one account: whoever wants another's is told whose it is. */
export function refuseTaken(given: Given): Exclude<Given, { kind: 'taken' }> {
  if (given.kind !== 'taken') return given;
  const { id, channel, tenantName, tenantId } = given.holder;
  throw new UsageError(
    `this credential belongs to account ${id}, ${channel} of "${printable(tenantName)}" (${tenantId}), ` +
      'or did until its last rotation; nothing was changed',
  );
}
