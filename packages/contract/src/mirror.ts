// The rows that the graph shows, with the graph's names, and the interface by which packages/graph reads them from
// packages/store: neither package imports the other.

/** A row that the graph shows. A change of a field that the graph shows also changes `changed_at`. */
interface Mirrored {
  tenant_id: string;
  client_id: string;
  changed_at: string;
}

/** A client in the graph: the parameters of `create_client`. */
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

/** The identity of a node. `channel` is empty if the id alone is unique. */
export interface MirrorKey {
  tenant_id: string;
  channel: string;
  id: string;
}

/** A deleted row, whose node has to leave the graph too. */
export interface MirrorRemoval extends MirrorKey {
  seq: string;
  kind: MirrorKind | 'tenants';
  /** False if the row exists again: then its mark decides, and the removal is only deleted. */
  isGone: boolean;
}

/** Rows that the graph does not show yet, or shows in an older state. */
export type MirrorBatch = { [Kind in MirrorKind]: MirrorRows[Kind][] } & {
  removals: MirrorRemoval[];
};

/** The position of a run in each part of a batch; a run reads nothing twice. */
export type MirrorCursor = {
  [Part in MirrorKind | 'removals']?: readonly string[] | undefined;
};

/** The right to write to one graph, until another worker has a later turn. */
export interface MirrorTurn {
  mirrorId: string;
  turn: number;
}

export interface MirrorBacklog {
  rows: number;
  /** How long the oldest row has waited, in seconds; 0 if there is none. */
  oldestSeconds: number;
}

/** Postgres' side of the mirror. Every method throws AppError, `postgres_unavailable` while Postgres is away. */
export interface MirrorSource {
  /**
   * The next turn, later than `seen`; null while another worker has a valid one. A turn is valid for some seconds, and
   * every `mark` prolongs it.
   */
  takeTurn(own: MirrorTurn | null, seen: number): Promise<MirrorTurn | null>;
  endTurn(turn: MirrorTurn): Promise<void>;
  readUnmirrored(
    after: MirrorCursor,
    limit: number,
  ): Promise<{ batch: MirrorBatch; next: MirrorCursor }>;
  /**
   * Marks the rows that the graph shows now, except those that have changed since they were read. Returns false and
   * marks nothing if the turn was lost.
   */
  mark(turn: MirrorTurn, batch: MirrorBatch): Promise<boolean>;

  tenants(): Promise<string[]>;
  /** How many rows these tenants have in all. */
  countRows(tenants: readonly string[]): Promise<number>;
  /** The rows of a tenant in the order of their keys, each with its mark. */
  readPage<Kind extends MirrorKind>(
    kind: Kind,
    tenantId: string,
    last: MirrorRows[Kind] | null,
    limit: number,
  ): Promise<Array<MirrorRows[Kind] & { is_marked: boolean }>>;
  /** The rows that are marked and have not changed since they were read. */
  stillMarked<Kind extends MirrorKind>(
    kind: Kind,
    rows: readonly MirrorRows[Kind][],
  ): Promise<MirrorRows[Kind][]>;
  /** Removes the marks, so that the rows are mirrored again. Rows that are locked keep theirs. */
  unmark<Kind extends MirrorKind>(kind: Kind, rows: readonly MirrorRows[Kind][]): Promise<void>;
  /** The keys without a row whose removal has not been noted yet. */
  orphans(kind: MirrorKind | 'tenants', keys: readonly MirrorKey[]): Promise<MirrorKey[]>;
  /** Notes that the keys' nodes are to be removed. A removal is skipped if there is a row by then. */
  noteRemovals(kind: MirrorKind | 'tenants', keys: readonly MirrorKey[]): Promise<void>;
  backlog(): Promise<MirrorBacklog>;
}

export function mirrorKeyOf(row: MirrorRow): MirrorKey {
  const { tenant_id } = row;
  if ('dialog_id' in row) return { tenant_id, channel: '', id: row.dialog_id };
  if ('external_id' in row) return { tenant_id, channel: row.channel, id: row.external_id };
  return { tenant_id, channel: '', id: row.client_id };
}

export const mirrorKeyText = ({ tenant_id, channel, id }: MirrorKey): string =>
  JSON.stringify([tenant_id, channel, id]);
