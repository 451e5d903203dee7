/** How many rows of each kind a tenant has, and what became of its messages. */
export interface TenantCounts {
  clients: number;
  identities: number;
  dialogs: number;
  messages: number;
  lanes: number;
  delivered: number;
  dead: number;
  pending: number;
}

/** A row that seems to break a promise: by which key it is found again, and what is wrong with it. */
export interface Suspect {
  tenantId: string;
  key: string;
  detail: string;
}

/**
 * One promise, as a query for what breaks it in a tenant: `$1` is the tenant, `$2` the keys to look
 * at again (null: all), `$3` for how many days delivered messages are kept. It trusts no constraint,
 * for an adopted database may lack them.
 */
export interface TableCheck {
  name: string;
  /** What it promises, in a few words. */
  promise: string;
  /** What it looks at. */
  of: keyof TenantCounts;
  sql: string;
}
