import { DLQ_REASONS, isUuid } from '@contour/contract';
import { ProblemError, parseOrRefuse } from '@contour/http';
import { type DlqFilter, isDlqCursor } from '@contour/store/dead-letters';
import { z } from 'zod';

const filterFields = {
  reason: z.enum(DLQ_REASONS, { error: `must be one of ${DLQ_REASONS.join(', ')}` }).optional(),
  tenant_id: z
    .string({ error: 'must be a UUID' })
    .refine(isUuid, { error: 'must be a UUID' })
    .transform((id) => id.toLowerCase())
    .meta({ format: 'uuid' })
    .optional(),
  fingerprint: z
    .string({ error: 'must be a lower-case hex SHA-256' })
    .regex(/^[0-9a-f]{64}$/, { error: 'must be a lower-case hex SHA-256' })
    .optional(),
  before: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 time with an offset' })
    .transform((time) => new Date(time).toISOString())
    .optional(),
};

const MAX_PAGE = 200;
const cursorMessage = 'must be the `next` of a page';
const pageMessage = `must be a whole number from 1 to ${MAX_PAGE}`;

/** GET /dlq */
export const listQuery = z.strictObject({
  ...filterFields,
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
    ...filterFields,
    limit: z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1').optional(),
    dry_run: z.boolean({ error: 'must be true or false' }).default(false),
  },
  mustBeObject,
);

/** DELETE /dlq, in the query or in the body */
export const clearFilter = z
  .strictObject(filterFields, mustBeObject)
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    error: 'must have at least one condition',
  });

export function filterOf(fields: z.infer<typeof clearFilter>): DlqFilter {
  const { tenant_id: tenantId, ...others } = fields;
  return { tenantId, ...others };
}

const EVERYTHING: DlqFilter = {};

/** The filter of DELETE /dlq. Only a request with neither a query nor a body clears everything. */
export function toClear({
  url,
  query,
  body,
}: {
  url: string;
  query: unknown;
  body: unknown;
}): DlqFilter {
  if (body === undefined && !url.includes('?')) return EVERYTHING;
  if (!isEmpty(query) && !isEmpty(body)) {
    throw new ProblemError('invalid', {
      detail: 'The filter must be in the query or in the body, not in both.',
      errors: [{ path: '', message: 'must be given once' }],
    });
  }
  return filterOf(parseOrRefuse(clearFilter, isEmpty(body) ? query : body));
}

const isEmpty = (value: unknown) =>
  value === undefined ||
  (typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 0);
