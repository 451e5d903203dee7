/** The channels, each with the field of its credential. */
export const CREDENTIAL_FIELDS = {
  telegram: 'bot_token',
  whatsapp: 'profile_id',
  vk: 'group_id',
  avito: 'user_id',
  max: 'bot_id',
} as const;

export type Channel = keyof typeof CREDENTIAL_FIELDS;

type Optional<T> = T | null | undefined;

/**
 * A batch of messages from one chat, with the channel's own credential or `account_fingerprint`. Null counts as absent
 * everywhere.
 */
export interface Message {
  channel: Channel;
  /** Telegram's credential. */
  bot_token?: Optional<string | number>;
  /** WhatsApp's credential. */
  profile_id?: Optional<string | number>;
  /** VK's credential. */
  group_id?: Optional<string | number>;
  /** Avito's credential. */
  user_id?: Optional<string | number>;
  /** MAX's credential. */
  bot_id?: Optional<string | number>;
  /** Lower-case hex SHA-256 of the credential. */
  account_fingerprint?: Optional<string>;
  external_chat_id: string | number;
  /** Up to 256 characters, like the phone and each message id. */
  external_user_id?: Optional<string | number>;
  /** The first 256 characters are used, also of `client_username`. */
  client_name?: Optional<string>;
  client_phone?: Optional<string | number>;
  /** True if the channel vouches for the phone. It matters with `LINK_BY_PHONE=verified`. */
  phone_verified?: Optional<boolean>;
  client_username?: Optional<string>;
  /** May be empty or absent if there is `media`. */
  text?: Optional<string>;
  /** ISO 8601 with an offset; the time of receipt by default. */
  timestamp?: Optional<string>;
  /** They identify the message: sent again with the same ids, it counts once. */
  message_ids?: Optional<ReadonlyArray<string | number>>;
  /** Counts as a list of one if `message_ids` is absent. */
  message_id?: Optional<string | number>;
  /** The workers create one by default. */
  trace_id?: Optional<string>;
  /** W3C trace context: the message's spans belong to this trace. */
  traceparent?: Optional<string>;
  /** Any JSON up to 64 KiB. */
  media?: unknown;
  meta?: Optional<Readonly<Record<string, unknown>>>;
}

/** The fields that are sent besides the account. Other properties of an object never leave the process. */
export const SENT_FIELDS = [
  'external_chat_id',
  'external_user_id',
  'client_name',
  'client_phone',
  'phone_verified',
  'client_username',
  'text',
  'timestamp',
  'message_ids',
  'message_id',
  'trace_id',
  'traceparent',
  'media',
  'meta',
] as const satisfies ReadonlyArray<keyof Message>;
