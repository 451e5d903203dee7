import { describe } from 'vitest';
import { beside, besideOthers } from './matrix/beside.ts';
import { holdSnapshot } from './matrix/postgres-troubles.ts';
import { row } from './matrix/row.ts';

const LANES = 1_000_000;

describe('Neighbours', () => {
  row(
    'of a dump that takes long',
    besideOthers(`a snapshot held open while ${LANES} lanes come and go`),
    () => beside((contour) => holdSnapshot(contour, LANES)),
  );
});
