import { AppError, CHANNEL_CODES, type Channel } from '@contour/contract';
import type { Database } from '@contour/store/database';
import { addTenant, registerChannelAccount } from '@contour/store/tenants';
import type { AddCommand } from '../cli.ts';
import { inDatabase } from '../servers.ts';

const DEMO_TENANT = { id: '00000000-0000-7000-8000-000000000001', domainId: 1, name: 'Demo' };

/** The credential of the demo tenant's account on a channel. */
export const demoCredential = (channel: Channel): string => `demo-${channel}`;

/** Makes a tenant with one account for each channel. Repeating it changes nothing. */
export async function makeDemo(pool: Database): Promise<string[]> {
  const { id: tenantId } = await addTenant(pool, DEMO_TENANT);
  for (const channel of CHANNEL_CODES) {
    const credential = demoCredential(channel);
    const { kind } = await registerChannelAccount(pool, { tenantId, channel, credential });
    if (kind !== 'taken') continue;
    const message = `This ${channel} credential belongs to another tenant.`;
    throw new AppError('unexpected', message, undefined);
  }
  return CHANNEL_CODES.map(demoCredential);
}

export const add: AddCommand = (program, cli) => {
  program
    .command('demo', { hidden: true })
    .description('make the demo tenant in DATABASE_URL, with an account for each channel')
    .addHelpText('after', '\nExample:\n  contour demo')
    .action(async () => {
      const credentials = await inDatabase(cli.env, makeDemo);
      cli.report({ credentials }, () => [`demo tenant: ${credentials.join(', ')}`]);
    });
};
