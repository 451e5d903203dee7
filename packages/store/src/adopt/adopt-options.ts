import type { PhoneRegion } from '@contour/contract';
import type { ShowProgress } from './in-batches.ts';

export interface AdoptOptions {
  region: PhoneRegion;
  /** For tenants that have none. */
  domainId?: number | undefined;
  show: ShowProgress;
  /** Ends the work at once; --apply goes on from there another time. */
  signal?: AbortSignal;
}
