import { CHANNEL_CODES, type Channel } from '@contour/contract';
import { UsageError } from '../cli.ts';
import type { CredentialSource } from '../read-credential.ts';

/** As they are typed. */
export interface LoadOptions extends CredentialSource {
  url: string;
  rate: string;
  count: string;
  chats: string;
  channel: string;
  newShare: string;
  yesReally?: boolean;
}

export interface LoadOrder {
  url: URL;
  rate: number;
  count: number;
  chats: number;
  channel: Channel;
  newShare: number;
}

const MAX_COUNT = 10_000_000;
const MAX_RATE = 100_000;

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

function numberOf(name: string, text: string, min: number, max: number, isWhole: boolean): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
  throw new UsageError(`--${name} must be a ${isWhole ? 'whole ' : ''}number, ${min} to ${max}`);
}

/** The address itself is not repeated in what is said: there may be a password in it. */
function resolveUrl(text: string, isMeant: boolean): URL {
  const base = URL.canParse(text) ? new URL(text) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new UsageError('--url must be a URL that begins with http:// or https://');
  }
  if (base.username !== '' || base.password !== '') {
    throw new UsageError('--url must not hold a password: the API key comes from API_KEY');
  }
  if (!isLoopback(base) && !isMeant) {
    throw new UsageError(
      'this writes real messages, and --url is another machine: say --yes-really if it is meant',
    );
  }
  base.pathname = `${base.pathname.replace(/\/$/, '')}/resolve`;
  return base;
}

/** Throws UsageError for what cannot be done. */
export function readLoadOptions(options: LoadOptions): LoadOrder {
  const channel = CHANNEL_CODES.find((code) => code === options.channel);
  if (channel === undefined) {
    throw new UsageError(`--channel must be one of ${CHANNEL_CODES.join(', ')}`);
  }
  return {
    url: resolveUrl(options.url, options.yesReally === true),
    rate: numberOf('rate', options.rate, 0.001, MAX_RATE, false),
    count: numberOf('count', options.count, 1, MAX_COUNT, true),
    chats: numberOf('chats', options.chats, 1, MAX_COUNT, true),
    channel,
    newShare: numberOf('new-share', options.newShare, 0, 1, false),
  };
}
