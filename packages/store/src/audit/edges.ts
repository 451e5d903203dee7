interface Edge {
  from: string;
  what: string;
  column: string;
  to: string;
  toWhat: string;
  /** By which column of `from` the row is found again. */
  key: string;
}

/** Everything that names a row which must be of its own tenant. */
const EDGES: readonly Edge[] = [
  {
    ...{ from: 'dialogs', what: 'dialog', key: 'id' },
    ...{ column: 'client_id', to: 'clients', toWhat: 'client' },
  },
  {
    ...{ from: 'dialogs', what: 'dialog', key: 'id' },
    ...{ column: 'channel_account_id', to: 'channel_accounts', toWhat: 'channel account' },
  },
  {
    ...{ from: 'messages', what: 'message', key: 'id' },
    ...{ column: 'dialog_id', to: 'dialogs', toWhat: 'dialog' },
  },
  {
    ...{ from: 'messages', what: 'message', key: 'id' },
    ...{ column: 'client_id', to: 'clients', toWhat: 'client' },
  },
  {
    ...{ from: 'client_channels', what: 'identity of client', key: 'client_id' },
    ...{ column: 'client_id', to: 'clients', toWhat: 'client' },
  },
];

// Where the tenant has no such row, each tenant is asked for it: its keys begin with the tenant.
const edgeSql = ({ from, what, column, to, toWhat, key }: Edge, isElsewhere: boolean): string => `
  select f.${key}::text as key,
         format('${what} %s: ${toWhat} %s ${isElsewhere ? 'is of another tenant' : 'is missing'}',
                f.${key}, f.${column}) as detail
    from ${from} f
   where f.tenant_id = $1 and ($2::text[] is null or f.${key} = any($2::text[]::uuid[]))
     and not exists (select from ${to} t where t.tenant_id = f.tenant_id and t.id = f.${column})
     and ${isElsewhere ? '' : 'not '}exists (
       select from tenants o join ${to} t on t.tenant_id = o.id and t.id = f.${column})`;

/** What refers to a row of another tenant. */
export const FOREIGN_EDGES = EDGES.map((edge) => edgeSql(edge, true)).join('\n union all');

/** What refers to a row that is nowhere. */
export const LOOSE_EDGES = EDGES.map((edge) => edgeSql(edge, false)).join('\n union all');
