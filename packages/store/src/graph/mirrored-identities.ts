import { mirrorKeyOf } from '@contour/contract';
import { mirrorTable } from './mirror-table.ts';

export const mirroredIdentities = mirrorTable<'identities'>({
  kind: 'identities',
  table: 'client_channels',
  from: 'client_channels t join channels ch on ch.id = t.channel_id',
  shown: {
    tenant_id: 't.tenant_id',
    channel: 'ch.code',
    external_id: 't.external_id',
    client_id: 't.client_id',
  },
  key: [
    { column: 'channel_id', type: 'smallint', first: '0' },
    { column: 'external_id', type: 'text', first: '' },
  ],
  hasKey: 'ch.code = q.channel and t.external_id = q.id',
  idType: 'text',
  keyOf: mirrorKeyOf,
  after: 'coalesce((select id from channels where code = $3), 0::smallint), $4',
  lastOf: (row) => [row?.channel ?? null, row?.external_id ?? ''],
});
