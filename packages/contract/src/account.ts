import type { IncomingMessage } from './incoming-message.ts';

/** One name for a channel account, the same in every room and in Redis. It holds no credential. */
export const accountOf = ({
  channel,
  fingerprint,
}: Pick<IncomingMessage, 'channel' | 'fingerprint'>): string => `${channel}:${fingerprint}`;
