import { messageStates, problem } from './examples.ts';
import { json, OPERATORS, type PathItem, problems, SENDERS } from './parts.ts';
import { shared } from './shared-answers.ts';

export const messagePath: PathItem = {
  get: {
    operationId: 'getMessage',
    summary: 'A message: where it is, and how it got there',
    tags: ['Messages'],
    security: SENDERS,
    parameters: [
      {
        name: 'id',
        in: 'path',
        required: true,
        description: 'The message_id of an answer; it is known also of a message that was parked.',
        schema: { type: 'string', format: 'uuid' },
      },
    ],
    responses: {
      200: json('The receipt.', 'MessageStatus', messageStates),
      401: shared('NoApiKey'),
      404: problems('No such message is known.', {
        not_found: problem('not_found', 'No message with this id is known.'),
      }),
      500: shared('Internal'),
      503: shared('Unavailable'),
    },
  },
};

export const messagesPath: PathItem = {
  get: {
    operationId: 'findMessages',
    summary: 'The messages of a trace',
    tags: ['Operating'],
    security: OPERATORS,
    parameters: [
      {
        name: 'trace_id',
        in: 'query',
        required: true,
        schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
        example: messageStates.delivered.trace_id,
      },
    ],
    responses: {
      200: json('All of them; none is an empty list.', 'MessageList', {
        found: { items: [messageStates.delivered] },
        none: { items: [] },
      }),
      400: problems('No trace id, or none that could be one.', {
        invalid: problem('invalid', 'The request is not valid; `errors` names every fault.', [
          { path: 'trace_id', message: 'is required' },
        ]),
      }),
      401: shared('NoAdminKey'),
      500: shared('Internal'),
      503: shared('Unavailable'),
    },
  },
};
