import type { MirrorKind } from '@contour/contract';
import type { MirrorTable } from './mirror-table.ts';
import { mirroredClients } from './mirrored-clients.ts';
import { mirroredDialogs } from './mirrored-dialogs.ts';
import { mirroredIdentities } from './mirrored-identities.ts';

const MIRROR_TABLES: { [Kind in MirrorKind]: MirrorTable<Kind> } = {
  clients: mirroredClients,
  identities: mirroredIdentities,
  dialogs: mirroredDialogs,
};

/** The table behind a kind of nodes. */
export function tableOf<Kind extends MirrorKind>(kind: Kind): MirrorTable<Kind> {
  return MIRROR_TABLES[kind];
}
