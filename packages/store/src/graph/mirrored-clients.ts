import { mirrorKeyOf } from '@contour/contract';
import { mirrorTable, NO_ID } from './mirror-table.ts';

export const mirroredClients = mirrorTable<'clients'>({
  kind: 'clients',
  table: 'clients',
  from: 'clients t',
  shown: { tenant_id: 't.tenant_id', client_id: 't.id', name: 't.name', phone: 't.phone' },
  key: [{ column: 'id', type: 'uuid', first: NO_ID }],
  hasKey: 't.id = q.id',
  idType: 'uuid',
  keyOf: mirrorKeyOf,
  after: '$3::uuid',
  lastOf: (row) => [row?.client_id ?? NO_ID],
});
