import {
  checkIncoming,
  corePayloadAround,
  dlqEntryBody,
  type Fault,
  fingerprintOf,
  type IncomingMessage,
  messageIdOf,
  PROBLEMS,
  type ProblemCode,
} from '@contour/contract';
import { detailOf, problemOf, problems } from '@contour/http';

// Answers of a running system. The end-to-end test provokes each of them anew and compares everything except ids and
// times.

const CREDENTIAL = 'demo-telegram';
const FINGERPRINT = fingerprintOf(CREDENTIAL);
const UNKNOWN_FINGERPRINT = fingerprintOf('demo-unknown');
const TENANT_ID = '0198c0de-3f10-7a01-8c55-5d1f3a6b2c01';
const CLIENT_ID = '0198c0de-3f10-7a01-8c55-5d1f3a6b2c02';
const DIALOG_ID = '0198c0de-3f10-7a01-8c55-5d1f3a6b2c03';
const TRACE_ID = 'trace_xyz789';
const REQUEST_TRACE_ID = '0198c0de-3f2a-7c3e-9b21-0f4d7e8a9b04';
const RECEIVED_AT = '2024-12-10T10:00:16.020Z';
const RESOLVED_AT = '2024-12-10T10:00:16.034Z';
const DELIVERED_AT = '2024-12-10T10:00:16.052Z';

export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** A message without its channel and credential. */
const BATCH = {
  external_user_id: '987654321',
  external_chat_id: '123456789',
  client_name: 'Ivan Petrov',
  client_phone: '+79991234567',
  client_username: 'ivan_p',
  text: 'Merged message text',
  timestamp: '2024-12-10T10:00:15Z',
  message_ids: ['msg_1', 'msg_2', 'msg_3'],
  trace_id: TRACE_ID,
  media: {},
  meta: { batched: true, batch_size: 3, batch_reason: 'debounce' },
};

/** The bodies of POST /resolve. */
export const messages = {
  telegram: {
    channel: 'telegram',
    bot_token: CREDENTIAL,
    ...BATCH,
  },
  by_fingerprint: {
    channel: 'telegram',
    account_fingerprint: FINGERPRINT,
    external_chat_id: '123456789',
    text: 'Hello',
    message_ids: ['msg_4'],
  },
  with_nulls_and_numbers: {
    channel: 'vk',
    group_id: 221334455,
    bot_token: null,
    external_chat_id: -100200300,
    client_name: null,
    client_phone: 79991234567,
    phone_verified: true,
    text: null,
    message_id: 17,
    media: { photo: 'https://files.example/17.jpg' },
  },
};

const MESSAGE_ID = messageIdOf({
  channel: 'telegram',
  fingerprint: FINGERPRINT,
  externalChatId: messages.telegram.external_chat_id,
  messageIds: messages.telegram.message_ids,
});

export const accepted = {
  accepted: true,
  tenant_id: TENANT_ID,
  client_id: CLIENT_ID,
  dialog_id: DIALOG_ID,
  trace_id: TRACE_ID,
  message_id: MESSAGE_ID,
};

export const queued = {
  accepted: true,
  trace_id: TRACE_ID,
  message_id: MESSAGE_ID,
  status_url: `/messages/${MESSAGE_ID}`,
};

const delivered = {
  message_id: MESSAGE_ID,
  trace_id: TRACE_ID,
  state: 'delivered',
  tenant_id: TENANT_ID,
  client_id: CLIENT_ID,
  dialog_id: DIALOG_ID,
  seq: 1,
  matched_by: 'created',
  is_new_client: true,
  is_new_dialog: true,
  attempts: 1,
  last_error: null,
  received_at: RECEIVED_AT,
  resolved_at: RESOLVED_AT,
  delivered_at: DELIVERED_AT,
  failed_attempts: [],
};

const failedWith = (code: string) => ({
  attempts: 1,
  last_error: code,
  delivered_at: null,
  failed_attempts: [{ at: DELIVERED_AT, code, ms: 3 }],
});

const unresolved = {
  ...delivered,
  tenant_id: null,
  client_id: null,
  dialog_id: null,
  seq: null,
  matched_by: null,
  is_new_client: null,
  is_new_dialog: null,
  attempts: 0,
  resolved_at: null,
  delivered_at: null,
};

export const messageStates = {
  delivered,
  pending: { ...delivered, ...failedWith('http_503'), state: 'pending' },
  dead: { ...delivered, ...failedWith('http_400'), state: 'dead' },
  queued: { ...unresolved, state: 'queued' },
  parked: { ...unresolved, state: 'parked', attempts: 1, last_error: 'unknown_tenant' },
};

function accept(body: object): IncomingMessage {
  const checked = checkIncoming(body, new Date(RECEIVED_AT));
  if (!checked.ok) throw new Error('an example of the reference is not valid');
  return checked.message;
}

const { bot_token: _credential, ...withoutCredential } = messages.telegram;
const unknown = accept({ ...withoutCredential, account_fingerprint: UNKNOWN_FINGERPRINT });

export const dlqEntry = JSON.parse(
  dlqEntryBody({
    v: 1,
    id: MESSAGE_ID,
    reason: 'unknown_tenant',
    stage: 'resolve',
    tenantId: null,
    clientId: null,
    dialogId: null,
    error: { code: 'unknown_tenant', message: 'no tenant has this credential' },
    attempts: 1,
    receivedAt: RECEIVED_AT,
    failedAt: RESOLVED_AT,
    message: { ...unknown, messageId: MESSAGE_ID, mask: '***' },
    raw: null,
  }),
);

const { beforeSeq, afterSeq } = corePayloadAround(accept(messages.telegram), {
  tenantId: TENANT_ID,
  domainId: 1,
  dialogId: DIALOG_ID,
  channelAccountId: 1,
  isNewClient: true,
  isNewDialog: true,
  client: {
    id: CLIENT_ID,
    name: BATCH.client_name,
    phone: BATCH.client_phone,
    channels: [{ channel: 'telegram', external_id: BATCH.external_chat_id }],
  },
});

/** What Core gets for the first of the messages above. */
export const corePayload = JSON.parse(`${beforeSeq}1${afterSeq}`);

/** A problem of a request whose body was read: the trace id is the sender's. */
export const sendersProblem = (code: ProblemCode, detail: string) =>
  problemOf(PROBLEMS, code, { detail, traceId: TRACE_ID });

/** A problem of a request without a body, or whose body was not read: the trace id is the request's own. */
export const problem = (code: ProblemCode, detail: string) =>
  problemOf(PROBLEMS, code, { detail, traceId: REQUEST_TRACE_ID });

const faults = (errors: Fault[], traceId: string) =>
  problemOf(PROBLEMS, 'invalid', { detail: detailOf(errors), traceId, errors });

/** The answer to a message that is not valid. */
export const sendersFaults = (errors: Fault[]) => faults(errors, TRACE_ID);

/** The answer to a query or a body that is not valid. */
export const refused = (description: string, path: string, message: string) =>
  problems(description, {
    invalid: faults([{ path, message }], REQUEST_TRACE_ID),
  });
