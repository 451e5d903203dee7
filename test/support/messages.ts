import { CHANNELS, fingerprintOf, messageIdOf } from '@contour/contract';
import { drawHex } from './dice.ts';
import type { TestAccount } from './tenants.ts';

export type Body = Record<string, unknown>;

/** The seed example of the contract without its channel and credential. */
export const SEED_FIELDS = {
  external_user_id: '987654321',
  external_chat_id: '123456789',
  client_name: 'Ivan Petrov',
  client_phone: '+79991234567',
  client_username: 'ivan_p',
  text: 'Merged message text',
  timestamp: '2024-12-10T10:00:15Z',
  message_ids: ['msg_1', 'msg_2', 'msg_3'],
  trace_id: 'trace_xyz789',
  media: {},
  meta: { batched: true, batch_size: 3, batch_reason: 'debounce' },
};

/** The seed example of the contract, as it stands, for one account of any channel. */
export function seedExample({ channel, credential }: TestAccount): Body {
  return { channel, [CHANNELS[channel].credentialField]: credential, ...SEED_FIELDS };
}

/** A small message with a chat and an id of its own. */
export function messageTo(account: TestAccount, fields: Body = {}): Body {
  const { channel, credential } = account;
  return {
    channel,
    [CHANNELS[channel].credentialField]: credential,
    external_chat_id: `chat-${drawHex(20)}`,
    text: 'Hello',
    message_ids: [drawHex(20)],
    ...fields,
  };
}

/** Messages of several chats, of each chat in turn. */
export function* messagesOf(
  account: TestAccount,
  { count, chats, prefix = drawHex(20) }: { count: number; chats: number; prefix?: string },
): Generator<Body> {
  for (let index = 0; index < count; index += 1) {
    yield messageTo(account, {
      external_chat_id: `${prefix}-${index % chats}`,
      text: `message ${index}`,
      message_ids: [`${prefix}-${index}`],
    });
  }
}

/** The message id that the service derives. */
export function idOf(body: Body): string {
  const channel = String(body.channel);
  const { credentialField } = CHANNELS[channel as keyof typeof CHANNELS];
  return messageIdOf({
    channel,
    fingerprint: fingerprintOf(String(body[credentialField])),
    externalChatId: String(body.external_chat_id),
    messageIds: (body.message_ids as unknown[]).map(String),
  });
}
