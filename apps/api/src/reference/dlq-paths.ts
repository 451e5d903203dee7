import { clearFilter, listQuery, replayBody } from '../dlq-filter.ts';
import { dlqEntry, problem } from './examples.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { json, jsonBody, OPERATORS, type Operation, type PathItem, problems } from './parts.ts';
import { shared } from './shared-answers.ts';

const OPERATOR: Pick<Operation, 'tags' | 'security'> = {
  tags: ['Operating'],
  security: OPERATORS,
};

/** The fields of a schema as the parameters of a query. */
const queryOf = (schema: Parameters<typeof jsonSchemaOf>[0]) =>
  Object.entries(jsonSchemaOf(schema).properties ?? {}).map(([name, field]) => ({
    name,
    in: 'query',
    schema: field,
  }));

const entryId = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The id of an entry: its message_id, where it has one.',
  schema: { type: 'string' },
};

const failures = {
  401: shared('NoAdminKey'),
  500: shared('Internal'),
  503: shared('Unavailable'),
};

const bodyFailures = { ...failures, 413: shared('TooLarge'), 415: shared('NotJson') };

const refused = (description: string, path: string, message: string) =>
  problems(description, {
    invalid: problem('invalid', 'The request is not valid; `errors` names every fault.', [
      { path, message },
    ]),
  });

const noEntry = problems('No such entry.', {
  not_found: problem('not_found', 'The dead-letter queue has no entry with this id.'),
});

export const dlqPath: PathItem = {
  get: {
    operationId: 'listDlq',
    summary: 'What could not go on, page by page, oldest first',
    ...OPERATOR,
    parameters: queryOf(listQuery),
    responses: {
      200: json('A page.', 'DlqPage', {
        page: { count: 1, items: [dlqEntry], next: null },
        nothing: { count: 0, items: [], next: null },
      }),
      400: refused(
        'A filter that is not understood.',
        'limit',
        'must be a whole number from 1 to 200',
      ),
      ...failures,
    },
  },
  delete: {
    operationId: 'clearDlq',
    summary: 'Remove what a filter matches',
    description:
      'At least one condition; an empty, unknown or malformed filter clears nothing. It stands in the query or, in the same words, in a JSON body.',
    ...OPERATOR,
    parameters: queryOf(clearFilter),
    responses: {
      200: json('Cleared.', 'Cleared', { cleared: { cleared: true, count: 1 } }),
      400: refused(
        'No condition, or one that is not understood.',
        '',
        'must have at least one condition',
      ),
      ...bodyFailures,
    },
  },
};

export const dlqEntryPath: PathItem = {
  get: {
    operationId: 'getDlqEntry',
    summary: 'One entry',
    ...OPERATOR,
    parameters: [entryId],
    responses: {
      200: json('The entry.', 'DlqEntry', { unknown_tenant: dlqEntry }),
      404: noEntry,
      ...failures,
    },
  },
};

export const replayOnePath: PathItem = {
  post: {
    operationId: 'replayDlqEntry',
    summary: 'Send one entry in again',
    description:
      'It leaves the queue once that has ended well; what fails for the same reason stays where it is.',
    ...OPERATOR,
    parameters: [entryId],
    responses: {
      200: json('Sent in again.', 'Replayed', { replayed: { matched: 1, replayed: 1 } }),
      404: noEntry,
      ...failures,
    },
  },
};

export const replayPath: PathItem = {
  post: {
    operationId: 'replayDlq',
    summary: 'Send in again what a filter matches',
    description: 'Without a filter, all of it. `dry_run` only counts.',
    ...OPERATOR,
    requestBody: jsonBody(
      jsonSchemaOf(replayBody),
      {
        dry_run: { reason: 'unknown_tenant', dry_run: true },
        some: { fingerprint: dlqEntry.account.fingerprint, limit: 100 },
      },
      false,
    ),
    responses: {
      200: json('Sent in again.', 'Replayed', {
        replayed: { matched: 1, replayed: 1 },
        dry_run: { matched: 1, replayed: 0 },
      }),
      400: refused('A filter that is not understood.', 'limit', 'must be at least 1'),
      ...bodyFailures,
    },
  },
};
