import type { Fault } from '@contour/contract';
import type { z } from 'zod';
import { ProblemError } from './problem-error.ts';

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((path) => ({ path, message: 'is not known here' }));
  }
  return [{ path: issue.path.join('.'), message: issue.message }];
}

/** Reads a query or an operator's body strictly: what is not understood is refused, not passed over. */
export function parseOrRefuse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ProblemError('invalid', {
    detail: 'The request is not valid; `errors` names every fault.',
    errors: parsed.error.issues.flatMap(faultsOf),
  });
}
