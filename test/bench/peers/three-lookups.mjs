// The three lookups, one after another, each a prepared statement.

const FIND_ACCOUNT = {
  name: 'account',
  text: `select a.id, a.tenant_id, t.domain_id from channel_accounts a join tenants t on t.id = a.tenant_id
          where a.channel_id = $1 and a.fingerprint = $2 and a.is_active and t.is_active`,
};
const FIND_CLIENT = {
  name: 'client',
  text: `select c.id, c.name, c.phone from client_channels i
           join clients c on c.tenant_id = i.tenant_id and c.id = i.client_id
          where i.tenant_id = $1 and i.channel_id = $2 and i.external_id = $3`,
};
const FIND_DIALOG = {
  name: 'dialog',
  text: `select id from dialogs where tenant_id = $1 and client_id = $2 and channel_account_id = $3
            and status_id in (1, 2)`,
};
const ADD_CLIENT = {
  name: 'add_client',
  text: 'insert into clients (tenant_id, id, name, phone) values ($1, gen_random_uuid(), $2, $3) returning id, name, phone',
};
const ADD_IDENTITY = {
  name: 'add_identity',
  text: 'insert into client_channels (tenant_id, channel_id, external_id, client_id) values ($1, $2, $3, $4)',
};
const ADD_DIALOG = {
  name: 'add_dialog',
  text: `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
         values ($1, gen_random_uuid(), $2, $3, $4) returning id`,
};

const TELEGRAM = 1;

async function one(pool, statement, values) {
  const { rows } = await pool.query({ ...statement, values });
  return rows[0];
}

async function addClient(pool, tenantId, message) {
  const client = await one(pool, ADD_CLIENT, [tenantId, message.clientName, message.clientPhone]);
  await one(pool, ADD_IDENTITY, [tenantId, TELEGRAM, message.externalChatId, client.id]);
  return client;
}

/** The payload for Core. Undefined if no tenant has the account. */
export async function enrich(pool, message) {
  const account = await one(pool, FIND_ACCOUNT, [TELEGRAM, message.fingerprint]);
  if (account === undefined) return undefined;
  const { tenant_id: tenantId, id: accountId } = account;
  const client =
    (await one(pool, FIND_CLIENT, [tenantId, TELEGRAM, message.externalChatId])) ??
    (await addClient(pool, tenantId, message));
  const dialog =
    (await one(pool, FIND_DIALOG, [tenantId, client.id, accountId])) ??
    (await one(pool, ADD_DIALOG, [tenantId, client.id, TELEGRAM, accountId]));
  return {
    tenant_id: tenantId,
    domain_id: account.domain_id,
    dialog_id: dialog.id,
    channel_account_id: accountId,
    client,
    ...message,
  };
}
