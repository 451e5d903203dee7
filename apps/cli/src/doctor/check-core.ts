import { connect } from 'node:net';
import { within } from '@contour/runtime';
import { reasonOf } from '../reason-of.ts';
import { type Check, ok, warn } from './check.ts';
import { shownUrl } from './shown-setting.ts';

const LOOK_MS = 3_000;
const PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/** Whether somebody listens where Core should be. Nothing is sent: a push would have its effects. */
export async function checkCore(url: string): Promise<Check[]> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = connect({ host, port: port === '' ? (PORTS[protocol] ?? 80) : Number(port) });
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  try {
    await within(LOOK_MS, opened, 'Core');
    return [ok('core', `${shownUrl(url)} listens`)];
  } catch (error) {
    const advice = 'start it, or correct CORE_URL; messages wait, and are tried again';
    return [warn('core', `${shownUrl(url)}: ${reasonOf(error)}`, advice)];
  } finally {
    socket.destroy();
  }
}
