import {
  CHANNEL_CODES,
  DLQ_REASONS,
  PROBLEMS,
  type Problem,
  type ProblemCode,
} from '@contour/contract';
import { z } from 'zod';
import type { Health, Readiness } from '../health.ts';
import type { MessageStatus } from '../message-status.ts';

// What the service answers. TypeScript holds these schemas to the types that the routes return, and a
// test holds them to the answers of a running system.

const time = z.iso.datetime();
const id = z.uuid();
const count = z.int().min(0);

export const accepted = z.object({
  accepted: z.literal(true),
  tenant_id: id,
  client_id: id,
  dialog_id: id,
  trace_id: z.string(),
  message_id: id,
});

export const queued = z.object({
  accepted: z.literal(true),
  trace_id: z.string(),
  message_id: id,
  status_url: z.string().describe('`/messages/<message_id>`, also in `Location`'),
});

const PROBLEM_CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

const codeTable = PROBLEM_CODES.map(
  (code) => `| ${code} | ${PROBLEMS[code].status} | ${PROBLEMS[code].title} |`,
).join('\n');

export const problem = z
  .object({
    type: z.string().describe('`urn:contour:problem:<code>`'),
    title: z.string(),
    status: z.int().min(400).max(599),
    code: z.enum(PROBLEM_CODES),
    detail: z.string(),
    trace_id: z
      .string()
      .nullable()
      .describe(
        "The sender's, where the body could be read; by it the request is found in the log",
      ),
    accepted: z.literal(false),
    reason: z.enum(PROBLEM_CODES).describe('The same as `code`'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .exactOptional()
      .describe('Every fault of the request, where it could be read'),
  })
  .describe(
    `Every no, as RFC 9457 has it.\n\n| code | status | title |\n|---|---|---|\n${codeTable}`,
  ) satisfies z.ZodType<Problem>;

export const messageStatus = z
  .object({
    message_id: id,
    trace_id: z.string(),
    state: z
      .enum(['queued', 'pending', 'delivered', 'dead', 'parked'])
      .describe(
        'queued: in Redis, not resolved yet. pending: resolved, on its way to Core. delivered: Core has it. dead: Core will not take it. parked: in the dead-letter queue and nowhere else.',
      ),
    tenant_id: id.nullable(),
    client_id: id.nullable(),
    dialog_id: id.nullable(),
    seq: z.int().min(1).nullable().describe('Its number within the dialog, without gaps'),
    matched_by: z
      .enum(['identity', 'phone', 'created'])
      .nullable()
      .describe('How the client was found'),
    is_new_client: z.boolean().nullable(),
    is_new_dialog: z.boolean().nullable(),
    attempts: count.describe('Attempts to deliver it'),
    last_error: z.string().nullable(),
    received_at: time,
    resolved_at: time.nullable(),
    delivered_at: time.nullable(),
    failed_attempts: z.array(z.object({ at: time, code: z.string(), ms: z.number() })),
  })
  .describe(
    'Where a message is and how it got there; never its text.',
  ) satisfies z.ZodType<MessageStatus>;

export const messageList = z.object({ items: z.array(messageStatus) });

export const dlqItem = z
  .object({
    id: z.string().describe('The message_id, where there is one: a message is parked once'),
    reason: z.enum(DLQ_REASONS),
    stage: z.enum(['resolve', 'deliver']),
    message_id: id.nullable(),
    trace_id: z.string().nullable(),
    channel: z.enum(CHANNEL_CODES).nullable(),
    account: z
      .object({
        fingerprint: z.string().describe('Lower-case hex SHA-256 of the credential'),
        mask: z.string().nullable().describe('Enough to recognise the credential by, or null'),
      })
      .nullable(),
    external_chat_id: z.string().nullable(),
    tenant_id: id.nullable(),
    client_id: id.nullable(),
    dialog_id: id.nullable(),
    error: z.object({ code: z.string(), message: z.string() }),
    attempts: count,
    received_at: time,
    failed_at: time,
    message: z.unknown().describe('What was sent, without its credential, in a form to send again'),
  })
  .describe('An entry of the dead-letter queue.');

export const dlqPage = z.object({
  count: count.describe('All that the filters match, not only this page'),
  items: z.array(dlqItem),
  next: z.string().nullable().describe('The `cursor` of the next page; null on the last one'),
});

export const replayed = z.object({
  matched: count,
  replayed: count.describe('How many were sent in again; what still cannot be read stays'),
});

export const cleared = z.object({ cleared: z.literal(true), count });

export const health = z.object({
  status: z
    .enum(['ok', 'degraded', 'unavailable'])
    .describe(
      'degraded: Neo4j is away, or no worker lives. unavailable: Postgres or Redis is away.',
    ),
  postgres: z.boolean(),
  neo4j: z.boolean().nullable().describe('null where none is configured'),
  redis: z.boolean(),
  workers: count,
}) satisfies z.ZodType<Health>;

export const readiness = z.object({
  status: z.enum(['ready', 'unready']),
  reasons: z.array(z.string()),
  warnings: z.array(z.string()),
}) satisfies z.ZodType<Readiness>;

export const liveness = z.object({ status: z.literal('ok') });
