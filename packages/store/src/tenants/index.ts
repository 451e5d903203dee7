export {
  type ChannelAccount,
  findChannelAccount,
  type Given,
  listChannelAccounts,
  registerChannelAccount,
  rotateChannelAccount,
  switchChannelAccount,
  tenantsOfAccounts,
} from './channel-accounts.ts';
export { addTenant, findTenantsCalled, listTenants, switchTenant, type Tenant } from './tenants.ts';
