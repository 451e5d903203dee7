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
  /** The tenant of that entry: what was one tenant's is never another's, also when the entry has left meanwhile. */
  replayFor: z.string().optional(),
  /** Whether it was counted among the messages of its account that wait. */
  counted: z.literal(true).optional(),
});

export type ResolveJob = z.infer<typeof resolveJob>;
