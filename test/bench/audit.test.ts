import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDatabase, type Database } from '../support/fresh-database.ts';
import { messageTo } from '../support/messages.ts';
import { request } from '../support/send.ts';
import { addTestTenant } from '../support/tenants.ts';
import { auditAll, type Ledger } from './rig/audit.ts';
import { type Program, startProgram } from './rig/program.ts';

let database: Database;
let sink: Program;
let ledger: Ledger;
beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'));
  sink = await startProgram('programs/sink');
  ledger = auditAll(database.pool, sink);
});
afterAll(async () => {
  await sink?.stop();
  await database?.drop();
});

const tellCore = (key: string) =>
  request('POST', `${sink.url}/core`, { body: {}, headers: { 'idempotency-key': key } });

/** A message as a worker leaves it behind. */
async function store(seq: number, status: 'pending' | 'delivered'): Promise<void> {
  const { id: tenantId, accounts } = await addTestTenant(database.pool);
  await database.pool.query(
    `insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id, content_hash,
                           payload, matched_by, is_new_client, is_new_dialog, received_at, status)
     select $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), $2, $3, 't', 'h', $4, 'identity',
            false, false, now(), $5`,
    [tenantId, accounts.telegram.id, seq, JSON.stringify(messageTo(accounts.telegram)), status],
  );
}

test('a run whose messages came in and reached Core once counts', async () => {
  await ledger.begin();
  await store(1, 'delivered');
  await tellCore('a');
  await expect(ledger.end({ stored: 1, delivered: 1 })).resolves.toBeUndefined();
});

test.each<[string, () => Promise<unknown>]>([
  ['was lost on its way in', async () => tellCore('a')],
  ['never reached Core', async () => store(1, 'delivered')],
  [
    'reached Core twice',
    async () => [await store(1, 'delivered'), await tellCore('a'), await tellCore('a')],
  ],
  ['was not marked', async () => [await store(1, 'pending'), await tellCore('a')]],
  [
    'has a number that does not follow',
    async () => [await store(2, 'delivered'), await tellCore('a')],
  ],
])('a run in which a message %s has no figure', async (_, happen) => {
  await ledger.begin();
  await happen();
  await expect(ledger.end({ stored: 1, delivered: 1 })).rejects.toThrow('the audit found');
  await database.pool.query('delete from messages');
});
