import { expect, test } from 'vitest';
import { type Arrival, createForecast } from '../src/index.ts';
import { arrival, openBundle } from './bundle.ts';

const PHONE = '+79990000001';

test.for([{ linkByPhone: true }, { linkByPhone: false }])(
  'a forecast, in one piece or in chunks, counts what resolving then makes: %j',
  async (options) => {
    const { pool, tenant, resolve, count } = await openBundle(options);
    const known = arrival(tenant, { external_chat_id: 'known', client_phone: '+79990000002' });
    await resolve(known, arrival(tenant, { external_chat_id: 'without a phone' }));
    const batch: Arrival[] = [
      arrival(tenant, { external_chat_id: 'a' }),
      arrival(tenant, { external_chat_id: 'b', client_phone: PHONE }),
      arrival(tenant, { external_chat_id: 'c', client_phone: PHONE }),
      arrival(tenant, { external_chat_id: 'c', channel: 'vk', client_phone: PHONE }),
      arrival(tenant, { external_chat_id: 'd', channel: 'max', client_phone: '+79990000002' }),
      arrival(tenant, { external_chat_id: 'a' }),
      arrival(tenant, { external_chat_id: 'without a phone', client_phone: '+79990000003' }),
      arrival(tenant, { external_chat_id: 'e', channel: 'vk' }),
    ];
    const foresee = async (chunkSize: number) => {
      const forecast = createForecast(pool, options);
      const sums = { clients: 0, dialogs: 0 };
      for (let at = 0; at < batch.length; at += chunkSize) {
        for (const prospect of await forecast.look(batch.slice(at, at + chunkSize))) {
          if (prospect.kind !== 'new') throw new Error(`it is not new but ${prospect.kind}`);
          sums.clients += Number(prospect.makesClient);
          sums.dialogs += Number(prospect.makesDialog);
        }
      }
      return sums;
    };
    const counts = async () => ({
      clients: await count('clients'),
      dialogs: await count('dialogs'),
    });

    const foreseen = [await foresee(100), await foresee(3), await foresee(1)];
    const before = await counts();
    expect(before).toEqual({ clients: 2, dialogs: 2 });
    await resolve(...batch);
    const after = await counts();
    const made = {
      clients: after.clients - before.clients,
      dialogs: after.dialogs - before.dialogs,
    };
    expect(foreseen).toEqual([made, made, made]);
    expect(await createForecast(pool, options).look(batch)).toEqual(
      batch.map(() => ({ kind: 'repeat' })),
    );
  },
);

test('a forecast gives the reason of each refusal and recognises copies', async () => {
  const { pool, tenant, resolve } = await openBundle();
  const stranger = arrival(tenant, { account_fingerprint: '0'.repeat(64) });
  const off = arrival(tenant, { channel: 'vk' });
  await pool.query('update channel_accounts set is_active = false where id = $1', [
    tenant.accounts.vk.id,
  ]);
  await resolve(arrival(tenant, { message_ids: ['taken'] }));
  const conflict = arrival(tenant, { message_ids: ['taken'], text: 'something else' });
  const first = arrival(tenant);
  const forecast = createForecast(pool, { linkByPhone: true });
  expect(await forecast.look([stranger, off, conflict, first])).toEqual([
    { kind: 'refused', because: 'unknown_tenant' },
    { kind: 'refused', because: 'tenant_disabled' },
    { kind: 'refused', because: 'conflict' },
    { kind: 'new', makesClient: false, makesDialog: false },
  ]);
  expect(await forecast.look([first])).toEqual([{ kind: 'repeat' }]);
});
