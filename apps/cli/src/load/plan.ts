import { CHANNELS, type Channel } from '@contour/contract';

/** What a run sends. Nothing in it is random but the run's own name. */
export interface LoadPlan {
  /** Makes the ids of this run its own: nothing it sends is a repeat of an earlier run. */
  run: string;
  channel: Channel;
  credential: string;
  chats: number;
  /** The share of messages that come from a chat which no run has used before. */
  newShare: number;
}

/** Spread evenly: of 0.1, every tenth message is from a new chat. */
const isNewChat = (index: number, share: number) =>
  Math.floor((index + 1) * share) > Math.floor(index * share);

/** The body of a run's message, by its number. */
export function loadBody(plan: LoadPlan, index: number): string {
  const { run, channel, credential, chats, newShare } = plan;
  const id = `${run}-${index + 1}`;
  return JSON.stringify({
    channel,
    [CHANNELS[channel].credentialField]: credential,
    external_chat_id: isNewChat(index, newShare) ? id : `load-${(index % chats) + 1}`,
    client_name: 'Load',
    text: `Message ${index + 1} of ${run}`,
    message_ids: [id],
    trace_id: id,
  });
}
