import { createDlq, type Dlq } from '@contour/queue';

/** The dead-letter queue of who only looks and removes: the allowance counts for what is parked. */
export const openDlq = (redis: Omit<Parameters<typeof createDlq>[0], 'maxParkedPerAccount'>): Dlq =>
  createDlq({ ...redis, maxParkedPerAccount: 0 });
