// What the graph shows, in the graph's own names, and how the room of the graph asks the room of
// Postgres for it: neither knows the other.

/** A row that the graph shows. Whoever changes what the graph shows of it also changes `changed_at`. */
interface Mirrored {
  tenant_id: string;
  client_id: string;
  changed_at: string;
}

/** A client as the graph has it: what `create_client` is given. */
export interface MirroredClient extends Mirrored {
  name: string | null;
  phone: string | null;
}

export interface MirroredIdentity extends Mirrored {
  channel: string;
  external_id: string;
}

export interface MirroredDialog extends Mirrored {
  dialog_id: string;
  channel: string;
  /** `active`, `waiting` or `closed`. */
  status: string;
}

export interface MirrorRows {
  clients: MirroredClient;
  identities: MirroredIdentity;
  dialogs: MirroredDialog;
}

export type MirrorKind = keyof MirrorRows;

export const MIRROR_KINDS = ['clients', 'identities', 'dialogs'] as const satisfies MirrorKind[];

export type MirrorRow = MirrorRows[MirrorKind];

/** What makes a node the one it is. `channel` is empty where an id says it all. */
export interface MirrorKey {
  tenant_id: string;
  channel: string;
  id: string;
}

/** What was deleted, and has to leave the graph too. */
export interface MirrorRemoval extends MirrorKey {
  seq: string;
  kind: MirrorKind | 'tenants';
  /** False where a row is there again: then its mark decides, and the note is only forgotten. */
  isGone: boolean;
}

/** What the graph does not show yet, or not as it is by now. */
export type MirrorBatch = { [Kind in MirrorKind]: MirrorRows[Kind][] } & {
  removals: MirrorRemoval[];
};

/** Where a run has come to, for each part of a batch; nothing is read twice in one run. */
export type MirrorCursor = {
  [Part in MirrorKind | 'removals']?: readonly string[] | undefined;
};

/** The right to write to one graph, until somebody else has been given a later one. */
export interface MirrorTurn {
  mirrorId: string;
  turn: number;
}

export interface MirrorBacklog {
  rows: number;
  /** Seconds for which the oldest of them has been waiting; 0 where there is none. */
  oldestSeconds: number;
}

/** What Postgres knows of the mirror. Every method throws AppError, `postgres_unavailable` when it is away. */
export interface MirrorSource {
  /**
   * The next turn, later than `seen`; null while somebody else has one that is still good. A turn is
   * good for some seconds, and is prolonged by every `mark`.
   */
  takeTurn(own: MirrorTurn | null, seen: number): Promise<MirrorTurn | null>;
  endTurn(turn: MirrorTurn): Promise<void>;
  readUnmirrored(
    after: MirrorCursor,
    limit: number,
  ): Promise<{ batch: MirrorBatch; next: MirrorCursor }>;
  /**
   * Marks what the graph shows by now, but for rows that have changed since they were read. False when
   * the turn was lost: then nothing is marked.
   */
  mark(turn: MirrorTurn, batch: MirrorBatch): Promise<boolean>;

  tenants(): Promise<string[]>;
  /** How many rows these tenants have in all. */
  countRows(tenants: readonly string[]): Promise<number>;
  /** The rows of a tenant in the order of their keys, and whether each counted as mirrored. */
  readPage<Kind extends MirrorKind>(
    kind: Kind,
    tenantId: string,
    last: MirrorRows[Kind] | null,
    limit: number,
  ): Promise<Array<MirrorRows[Kind] & { is_marked: boolean }>>;
  /** Those of the rows that count as mirrored and are still as they were read. */
  stillMarked<Kind extends MirrorKind>(
    kind: Kind,
    rows: readonly MirrorRows[Kind][],
  ): Promise<MirrorRows[Kind][]>;
  /** Has those of them mirrored once more: but for what somebody is changing now. */
  unmark<Kind extends MirrorKind>(kind: Kind, rows: readonly MirrorRows[Kind][]): Promise<void>;
  /** Those of the keys that belong to no row, and whose removal has not been noted yet. */
  orphans(kind: MirrorKind | 'tenants', keys: readonly MirrorKey[]): Promise<MirrorKey[]>;
  /** Has the keys' nodes removed, unless a row is found there when it comes to it. */
  noteRemovals(kind: MirrorKind | 'tenants', keys: readonly MirrorKey[]): Promise<void>;
  backlog(): Promise<MirrorBacklog>;
}

/** The key of what a row shows. */
export function mirrorKeyOf(row: MirrorRow): MirrorKey {
  const { tenant_id } = row;
  if ('dialog_id' in row) return { tenant_id, channel: '', id: row.dialog_id };
  if ('external_id' in row) return { tenant_id, channel: row.channel, id: row.external_id };
  return { tenant_id, channel: '', id: row.client_id };
}

export const mirrorKeyText = ({ tenant_id, channel, id }: MirrorKey): string =>
  JSON.stringify([tenant_id, channel, id]);
