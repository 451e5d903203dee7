import type { DlqEntry } from '@contour/contract';
import type { Person } from '@contour/store';
import { expect, test } from 'vitest';
import { judgeEntry } from '../src/erase/recognise.ts';

const CHAT = '771900112233445';

test.each([
  ['another tenant', { tenantId: 'them', fingerprint: 'a' }, 'others'],
  ['the tenant', { tenantId: 'us', fingerprint: 'gone' }, 'theirs'],
  ['an account of the tenant', { tenantId: null, fingerprint: 'a' }, 'theirs'],
  ['an account of another tenant', { tenantId: null, fingerprint: 'b' }, 'others'],
  ['an account that no longer exists', { tenantId: null, fingerprint: 'gone' }, 'unclear'],
  ['no channel', { tenantId: null, fingerprint: 'a', channel: undefined }, 'unclear'],
])('a dead letter of %s is judged', (_, { tenantId, fingerprint, ...body }, verdict) => {
  const person: Person = {
    ...{ tenantId: 'us', clientId: 'they', isKnown: true, phone: null, dialogIds: [] },
    identities: [{ channel: 'telegram', externalId: CHAT }],
  };
  const accounts = {
    own: new Map([['telegram' as const, new Set(['a'])]]),
    others: new Map([['telegram' as const, new Set(['b'])]]),
  };
  const raw = JSON.stringify({
    ...{ channel: 'telegram', external_chat_id: CHAT, fingerprint, ...body },
  });
  const entry = { tenantId, clientId: null, message: null, raw } as DlqEntry;
  expect(judgeEntry({ person, accounts, region: 'RU' }, entry)).toBe(verdict);
});
