import type { Database } from '@contour/store/database';
import {
  addTenant,
  findTenantsCalled,
  listTenants,
  switchTenant,
  type Tenant,
} from '@contour/store/tenants';
import { type AddCommand, type Cli, UsageError } from '../cli.ts';
import { pickTenant, wholeNumber } from '../options.ts';
import { inDatabase } from '../servers.ts';
import { paint, printable, tableOf } from '../text.ts';
import { addSwitches } from './switch.ts';

const MAX_NAME = 200;
const MAX_DOMAIN = 2 ** 31 - 1;

const bodyOf = ({ id, name, domainId, isActive, accounts }: Tenant) => {
  return { id, name, domain_id: domainId, is_active: isActive, accounts };
};

function nameOf(text: string): string {
  const name = text.trim();
  if (name !== '' && name.length <= MAX_NAME && !/\p{Cc}/u.test(name)) return name;
  throw new UsageError(`a tenant's name is 1 to ${MAX_NAME} characters on one line`);
}

async function insert(pool: Database, name: string, domainId: number, cli: Cli): Promise<Tenant> {
  const namesakes = await findTenantsCalled(pool, name);
  const { id } = await addTenant(pool, { domainId, name });
  if (namesakes.length > 0) {
    const count = namesakes.length + 1;
    cli.complain(`${count} tenants are called "${name}" now: name them by their ids`);
  }
  return { id, name, domainId, isActive: true, accounts: 0 };
}

function tenantTable(tenants: readonly Tenant[]): string[] {
  if (tenants.length === 0) return ['no tenants: see contour tenant add --help'];
  const rows = tenants.map(({ id, name, domainId, isActive, accounts }) => [
    id,
    printable(name),
    String(domainId),
    isActive ? 'yes' : paint('red', 'no'),
    String(accounts),
  ]);
  return tableOf(['id', 'name', 'domain', 'active', 'accounts'], rows);
}

async function turn(pool: Database, idOrName: string, isActive: boolean) {
  const tenant = await pickTenant(pool, idOrName);
  const changed = await switchTenant(pool, tenant.id, isActive);
  const what = `tenant ${tenant.id} "${printable(tenant.name)}"`;
  return { what, body: bodyOf({ ...tenant, isActive }), changed };
}

export const add: AddCommand = (program, cli) => {
  const group = program
    .command('tenant')
    .description('the tenants in DATABASE_URL')
    .addHelpText('after', '\nExample:\n  contour tenant list');
  group
    .command('add')
    .argument('<name>', 'its name')
    .requiredOption('--domain <n>', 'the domain_id that Core gets with its messages')
    .description('make a tenant, and show its id')
    .addHelpText('after', '\nExample:\n  contour tenant add "A shop" --domain 1')
    .action(async (text: string, { domain }: { domain: string }) => {
      const name = nameOf(text);
      const fault = '--domain is a whole number, such as 1';
      const domainId = wholeNumber(domain, [0, MAX_DOMAIN], fault);
      const tenant = await inDatabase(cli.env, (pool) => insert(pool, name, domainId, cli));
      cli.report(bodyOf(tenant), () => [`added tenant ${tenant.id} "${name}"`]);
    });
  group
    .command('list')
    .description('all tenants, by name')
    .addHelpText('after', '\nExample:\n  contour tenant list')
    .action(async () => {
      const tenants = await inDatabase(cli.env, listTenants);
      cli.report(tenants.map(bodyOf), () => tenantTable(tenants));
    });
  addSwitches(group, cli, {
    argument: ['tenant', 'its id, or its name if only one has it'],
    example: '"A shop"',
    turn,
  });
};
