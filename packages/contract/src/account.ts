import type { IncomingMessage } from './incoming-message.ts';

/** The name of a channel account in all packages and in Redis. It holds no credential. */
export const accountOf = ({
  channel,
  fingerprint,
}: Pick<IncomingMessage, 'channel' | 'fingerprint'>): string => `${channel}:${fingerprint}`;
