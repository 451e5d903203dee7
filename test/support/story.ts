import type { Contour } from './contour.ts';
import { type Answer, get } from './send.ts';
import { waitFor } from './wait-for.ts';

/** Waits for the payload that Core gets for a message. */
export function payloadAtCore(
  { core }: Pick<Contour, 'core'>,
  messageId: string,
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every part of a payload.
): Promise<any> {
  return waitFor(`message ${messageId} at Core`, () => core.payloadOf(messageId));
}

/** Waits until a message is in a state, and returns its receipt. */
export async function storyIn(
  { url }: Pick<Contour, 'url'>,
  messageId: string,
  state: string,
  deadlineMs = 15_000,
): Promise<Answer['json']> {
  let last = 'none';
  const look = async () => {
    const answer = await get(`${url}/messages/${messageId}`);
    last = answer.text;
    return answer.status === 200 && answer.json.state === state && answer.json;
  };
  return waitFor(`message ${messageId} ${state}`, look, { deadlineMs }).catch((error: unknown) => {
    throw new Error(`the last receipt was ${last}`, { cause: error });
  });
}
