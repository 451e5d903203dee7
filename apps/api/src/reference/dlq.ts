import { CHANNEL_CODES, DLQ_REASONS } from '@contour/contract';
import { documented, json, jsonBody, named, OPERATORS, problems, shared } from '@contour/http';
import { dlqFilter } from '@contour/operations';
import { isDlqCursor } from '@contour/store/dead-letters';
import { z } from 'zod';
import { dlqEntry, problem, refused } from './examples.ts';

const MAX_PAGE = 200;
const cursorMessage = 'must be the `next` of a page';
const pageMessage = `must be a whole number from 1 to ${MAX_PAGE}`;

/** GET /dlq */
export const listQuery = z.strictObject({
  ...dlqFilter.shape,
  limit: z
    .string({ error: pageMessage })
    .refine((text) => /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_PAGE, {
      error: pageMessage,
    })
    .transform(Number)
    .default(50)
    .meta({ type: 'integer', minimum: 1, maximum: MAX_PAGE, default: 50 }),
  cursor: z
    .string({ error: cursorMessage })
    .refine(isDlqCursor, { error: cursorMessage })
    .optional(),
});

const mustBeObject = {
  error: ({ code }: { code?: string }) =>
    code === 'invalid_type' ? 'must be a JSON object' : undefined,
};

/** POST /dlq/replay */
export const replayBody = z.strictObject(
  {
    ...dlqFilter.shape,
    limit: z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1').optional(),
    dry_run: z.boolean({ error: 'must be true or false' }).default(false),
  },
  mustBeObject,
);

/** DELETE /dlq, in the query or in the body */
export const clearFilter = z
  .strictObject(dlqFilter.shape, mustBeObject)
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    error: 'must have at least one condition',
  });

const count = z.int().min(0);
const time = z.iso.datetime();

const dlqItem = named(
  'DlqEntry',
  z
    .object({
      id: z.string().describe('The message_id, if it has one: a message is parked once'),
      reason: z.enum(DLQ_REASONS),
      stage: z.enum(['resolve', 'deliver']),
      message_id: z.uuid().nullable(),
      trace_id: z.string().nullable(),
      channel: z.enum(CHANNEL_CODES).nullable(),
      account: z
        .object({
          fingerprint: z.string().describe('Lower-case hex SHA-256 of the credential'),
          mask: z.string().nullable().describe('Enough to recognise the credential by, or null'),
        })
        .nullable(),
      external_chat_id: z.string().nullable(),
      tenant_id: z.uuid().nullable(),
      client_id: z.uuid().nullable(),
      dialog_id: z.uuid().nullable(),
      error: z.object({ code: z.string(), message: z.string() }),
      attempts: count,
      received_at: time,
      failed_at: time,
      message: z
        .unknown()
        .describe('What was sent, without its credential, in a form to send again'),
    })
    .describe('An entry of the dead-letter queue.'),
);
const dlqPage = named(
  'DlqPage',
  z.object({
    count: count.describe('All entries that the filters match, not only this page'),
    items: z.array(dlqItem),
    next: z.string().nullable().describe('The `cursor` of the next page; null on the last one'),
  }),
);
const replayed = named(
  'Replayed',
  z.object({
    matched: count,
    replayed: count.describe('Entries that were sent in again; unreadable ones stay'),
  }),
);
const cleared = named('Cleared', z.object({ cleared: z.literal(true), count }));

const about = { tags: ['Operating'], security: OPERATORS };

const entryId = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The id of an entry: its message_id, if it has one.',
  schema: { type: 'string' },
};

const failures = {
  401: shared('NoAdminKey'),
  500: shared('Internal'),
  503: shared('Unavailable'),
};
const bodyFailures = { ...failures, 413: shared('TooLarge'), 415: shared('NotJson') };

const noEntry = problems('No such entry.', {
  not_found: problem('not_found', 'The dead-letter queue has no entry with this id.'),
});

/** The operations of the dead-letter queue in the reference. */
export const dlqOperations = {
  list: documented({
    operationId: 'listDlq',
    summary: 'The messages that could not go on, page by page, oldest first',
    ...about,
    query: listQuery,
    responses: {
      200: json('A page.', dlqPage, {
        page: { count: 1, items: [dlqEntry], next: null },
        nothing: { count: 0, items: [], next: null },
      }),
      400: refused('A filter that is not valid.', 'limit', 'must be a whole number from 1 to 200'),
      ...failures,
    },
  }),
  clear: documented({
    operationId: 'clearDlq',
    summary: 'Remove all entries, or those that a filter matches',
    description:
      'Without a query and a body, everything that had arrived when the request came. A filter stands in the query or, with the same fields, in a JSON body. A filter that is empty, unknown or malformed clears nothing.',
    ...about,
    query: clearFilter,
    responses: {
      200: json('Cleared.', cleared, { cleared: { cleared: true, count: 1 } }),
      400: refused(
        'A filter without a condition, or one that is not valid.',
        '',
        'must have at least one condition',
      ),
      ...bodyFailures,
    },
  }),
  get: documented({
    operationId: 'getDlqEntry',
    summary: 'One entry',
    ...about,
    parameters: [entryId],
    responses: {
      200: json('The entry.', dlqItem, { unknown_tenant: dlqEntry }),
      404: noEntry,
      ...failures,
    },
  }),
  replayOne: documented({
    operationId: 'replayDlqEntry',
    summary: 'Send one entry in again',
    description:
      'It leaves the queue after it was resolved or delivered. If it fails for the same reason, it stays.',
    ...about,
    parameters: [entryId],
    responses: {
      200: json('Sent in again.', replayed, { replayed: { matched: 1, replayed: 1 } }),
      404: noEntry,
      ...failures,
    },
  }),
  replay: documented({
    operationId: 'replayDlq',
    summary: 'Send in again what a filter matches',
    description: 'Without a filter, all entries. `dry_run` only counts.',
    ...about,
    requestBody: jsonBody(
      replayBody,
      {
        dry_run: { reason: 'unknown_tenant', dry_run: true },
        some: { fingerprint: dlqEntry.account.fingerprint, limit: 100 },
      },
      false,
    ),
    responses: {
      200: json('Sent in again.', replayed, {
        replayed: { matched: 1, replayed: 1 },
        dry_run: { matched: 1, replayed: 0 },
      }),
      400: refused('A filter that is not valid.', 'limit', 'must be at least 1'),
      ...bodyFailures,
    },
  }),
};
