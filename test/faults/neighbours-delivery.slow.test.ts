import { describe } from 'vitest';
import type { Behaviour } from '../support/fake-core.ts';
import { beside, besideOthers } from './matrix/beside.ts';
import { failInWays } from './matrix/core-troubles.ts';
import { row } from './matrix/row.ts';

/** One tenant gets each of these. */
const WAYS: readonly Behaviour[] = [
  { status: 500 },
  { status: 403 },
  { cut: 'silent' },
  { hang: true },
];
const DIALOGS = 200;

describe('Neighbours', () => {
  row(
    'of four tenants that Core fails in four ways',
    besideOthers(
      `500, 403, a cut connection, no answer: to a tenant each, with ${DIALOGS} dialogs`,
    ),
    () =>
      beside((contour) => failInWays(contour, WAYS, DIALOGS), {
        options: { env: { CORE_TIMEOUT_MS: '4000' } },
      }),
  );
});
