export {
  addChannelAccount,
  type ChannelAccount,
  findChannelAccount,
  listChannelAccounts,
  switchChannelAccount,
  tenantsOfAccounts,
} from './channel-accounts.ts';
export { type Given, registerChannelAccount, rotateChannelAccount } from './give-credential.ts';
export { addTenant, findTenantsCalled, listTenants, switchTenant, type Tenant } from './tenants.ts';
