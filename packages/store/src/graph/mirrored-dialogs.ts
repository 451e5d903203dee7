import { mirrorKeyOf } from '@contour/contract';
import { mirrorTable, NO_ID } from './mirror-table.ts';

export const mirroredDialogs = mirrorTable<'dialogs'>({
  kind: 'dialogs',
  table: 'dialogs',
  from: 'dialogs t join channels ch on ch.id = t.channel_id',
  shown: {
    tenant_id: 't.tenant_id',
    dialog_id: 't.id',
    client_id: 't.client_id',
    channel: 'ch.code',
    status: "case t.status_id when 1 then 'active' when 2 then 'waiting' else 'closed' end",
  },
  key: [{ column: 'id', type: 'uuid', first: NO_ID }],
  hasKey: 't.id = q.id',
  idType: 'uuid',
  keyOf: mirrorKeyOf,
  after: '$3::uuid',
  lastOf: (row) => [row?.dialog_id ?? NO_ID],
});
