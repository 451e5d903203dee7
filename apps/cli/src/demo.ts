import { CHANNELS, type Channel } from '@contour/contract';
import { addChannelAccount, addTenant, type Pool } from '@contour/store';

const DEMO_TENANT = { id: '00000000-0000-7000-8000-000000000001', domainId: 1, name: 'Demo' };

/** The credential of the demo tenant's account on a channel. */
export function demoCredential(channel: Channel): string {
  return `demo-${channel}`;
}

/** Makes a tenant with one account for each channel; made again, it changes nothing. */
export async function makeDemo(pool: Pool): Promise<string[]> {
  const { id: tenantId } = await addTenant(pool, DEMO_TENANT);
  const channels = Object.keys(CHANNELS) as Channel[];
  for (const channel of channels) {
    await addChannelAccount(pool, { tenantId, channel, credential: demoCredential(channel) });
  }
  return channels.map(demoCredential);
}
