import { DLQ_REASONS, FINGERPRINT_PATTERN, isUuid } from '@contour/contract';
import type { DlqFilter } from '@contour/store/dead-letters';
import { z } from 'zod';

const NO_UUID = { error: 'must be a UUID' };
const NO_FINGERPRINT = { error: 'must be a lower-case hex SHA-256' };

/** A filter of the dead-letter queue, as operators give it. */
export const dlqFilter = z.object({
  reason: z.enum(DLQ_REASONS, { error: `must be one of ${DLQ_REASONS.join(', ')}` }).optional(),
  tenant_id: z
    .string(NO_UUID)
    .refine(isUuid, NO_UUID)
    .transform((id) => id.toLowerCase())
    .meta({ format: 'uuid' })
    .optional(),
  fingerprint: z.string(NO_FINGERPRINT).regex(FINGERPRINT_PATTERN, NO_FINGERPRINT).optional(),
  before: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 time with an offset' })
    .transform((time) => new Date(time).toISOString())
    .optional(),
});

export const dlqFilterOf = ({
  tenant_id: tenantId,
  ...others
}: z.infer<typeof dlqFilter>): DlqFilter => ({ tenantId, ...others });
