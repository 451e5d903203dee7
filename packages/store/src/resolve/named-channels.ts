import type { Chat, Profile } from './chat.ts';
import { MAX_NAMED } from './identity-limits.ts';

type ReachedAt = Profile['channels'][number];

export const byChannel = (a: ReachedAt, b: ReachedAt): number =>
  a.channel_id - b.channel_id || (a.external_id < b.external_id ? -1 : 1);

/**
 * The channels that a chat's payload names, in order: at most MAX_NAMED, its own always among them. The index decides
 * which others; the oldest usually come first.
 */
export function namedChannels({ channelId, externalId, client }: Chat): ReachedAt[] {
  const channels = client?.channels ?? [];
  const isOwn = (one: ReachedAt) => one.channel_id === channelId && one.external_id === externalId;
  if (channels.length <= MAX_NAMED && channels.some(isOwn)) return channels;
  const others = channels.filter((one) => !isOwn(one)).slice(0, MAX_NAMED - 1);
  return [...others, { channel_id: channelId, external_id: externalId }].sort(byChannel);
}
