/** The channels; `id` is the row in the table `channels`. */
export const CHANNELS = {
  telegram: { id: 1, credentialField: 'bot_token' },
  whatsapp: { id: 2, credentialField: 'profile_id' },
  vk: { id: 3, credentialField: 'group_id' },
  avito: { id: 4, credentialField: 'user_id' },
  max: { id: 5, credentialField: 'bot_id' },
} as const;

export type Channel = keyof typeof CHANNELS;

export const CHANNEL_CODES = Object.keys(CHANNELS) as [Channel, ...Channel[]];

export const CREDENTIAL_FIELDS = CHANNEL_CODES.map((code) => CHANNELS[code].credentialField);

const codeOfId = new Map<number, Channel>(CHANNEL_CODES.map((code) => [CHANNELS[code].id, code]));

/** The channel of a database id. An unknown id is a bug, because the table cannot hold it. */
export function channelOfId(id: number): Channel {
  const code = codeOfId.get(id);
  if (code === undefined) throw new RangeError(`no channel has the id ${id}`);
  return code;
}
