/** What the first migration's tables must have, in so far as a database may have had it before. */
interface LegacyColumn {
  table: LegacyTable;
  name: string;
  /** What format_type() may say; the first one is what the migrations make. */
  types: readonly string[];
  notNull: boolean;
  /** What follows the type where the column is added; undefined where nobody but its owner can. */
  added?: string;
  /** What a row gets that does not name the column. */
  fallback?: string;
}

export const LEGACY_TABLES = [
  'tenants',
  'channels',
  'channel_accounts',
  'clients',
  'client_channels',
  'dialogs',
] as const;

type LegacyTable = (typeof LEGACY_TABLES)[number];

const UUID = ['uuid'];
// smallint goes over the wire as a number, as integer does; bigint comes back as a text.
const SMALL = ['smallint', 'integer'];
const INTEGER = ['integer', 'smallint'];
const TEXT = ['text', 'character varying'];
const TIME = ['timestamp with time zone', 'timestamp without time zone'];

type Rest = Pick<LegacyColumn, 'added' | 'fallback'>;

const column =
  (table: LegacyTable) =>
  (name: string, types: readonly string[], notNull: boolean, rest: Rest = {}): LegacyColumn => ({
    table,
    name,
    types,
    notNull,
    ...rest,
  });

const now: Rest = { added: 'not null default now()', fallback: 'now()' };
const on: Rest = { added: 'not null default true', fallback: 'true' };
const optional: Rest = { added: '' };

const tenants = column('tenants');
const channels = column('channels');
const accounts = column('channel_accounts');
const clients = column('clients');
const identities = column('client_channels');
const dialogs = column('dialogs');

// Added columns have constant defaults or none, so that adding one rewrites no table.
export const LEGACY_COLUMNS: readonly LegacyColumn[] = [
  tenants('id', UUID, true, { fallback: 'gen_random_uuid()' }),
  tenants('domain_id', INTEGER, true, optional),
  tenants('name', TEXT, true),
  tenants('is_active', ['boolean'], true, on),
  tenants('created_at', TIME, true, now),
  channels('id', SMALL, true),
  channels('code', TEXT, true),
  accounts('id', INTEGER, true),
  accounts('tenant_id', UUID, true),
  accounts('channel_id', SMALL, true),
  accounts('account_id', TEXT, true),
  accounts('is_active', ['boolean'], true, on),
  accounts('created_at', TIME, true, now),
  clients('tenant_id', UUID, true),
  clients('id', UUID, true),
  clients('name', TEXT, false, optional),
  clients('phone', TEXT, false, optional),
  clients('graph_synced_at', ['timestamp with time zone'], false, optional),
  clients('created_at', TIME, true, now),
  clients('updated_at', TIME, true, now),
  identities('tenant_id', UUID, true, optional),
  identities('channel_id', SMALL, true),
  identities('external_id', TEXT, true),
  identities('client_id', UUID, true),
  identities('external_username', TEXT, false, optional),
  identities('created_at', TIME, true, now),
  dialogs('tenant_id', UUID, true, optional),
  dialogs('id', UUID, true),
  dialogs('client_id', UUID, true),
  dialogs('channel_id', SMALL, true),
  dialogs('channel_account_id', INTEGER, true),
  dialogs('status_id', SMALL, true, { fallback: '1' }),
  dialogs('vertical_id', ['integer', 'smallint', 'bigint'], false, optional),
  dialogs('last_seq', ['integer'], true, { added: 'not null default 0', fallback: '0' }),
  dialogs('created_at', TIME, true, now),
  dialogs('updated_at', TIME, true, now),
];
