import { inject } from 'vitest';

interface BenchRequest {
  only: string | null;
  quick: boolean;
  json: boolean;
  write: boolean;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** The options of `npm run bench`. */
    bench: BenchRequest;
  }
}

export const requested = (): BenchRequest => inject('bench');
