import { z } from 'zod';
import { incomingMessage } from './incoming-message.ts';

/**
 * A job of the queue `resolve` as our own API writes it. Another service may put the bare body of
 * the contract there instead: what does not carry `v` is checked like a request.
 */
export const resolveJob = z.object({
  v: z.literal(1),
  message: incomingMessage,
  /** Who waits for the answer, and until when; absent where nobody does. */
  reply: z.object({ to: z.string(), requestId: z.string(), untilMs: z.number() }).optional(),
  /** The dead-letter entry that this job replays; it is removed once the replay has ended well. */
  replayOf: z.string().optional(),
  /** The tenant of that entry. The message is never another tenant's, also if the entry has been removed meanwhile. */
  replayFor: z.string().optional(),
  /** Whether the API counted it among the waiting messages of its account. */
  counted: z.literal(true).optional(),
});

export type ResolveJob = z.infer<typeof resolveJob>;
