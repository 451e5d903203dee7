import { describe } from 'vitest';
import { beside, besideOthers } from './matrix/beside.ts';
import { addLargeEntries, givePlaceholder, sendManyKeys } from './matrix/input-troubles.ts';
import { row } from './matrix/row.ts';

describe('Neighbours', () => {
  row(
    'of a tenant whose bodies have many keys',
    besideOthers('60 bodies at once, 50 with 24 000 keys and 10 with 19 000'),
    () => beside((contour) => sendManyKeys(contour, 60)),
  );

  row(
    'of a tenant with a placeholder for a phone',
    besideOthers('one phone in 3000 chats, and 20 more messages/s of them'),
    () => beside((contour) => givePlaceholder(contour, 3000)),
  );

  row(
    'of a tenant with large entries in a stream',
    besideOthers('40 entries of 240 KB and 30 of 4 MB in one shard'),
    () => beside((contour) => addLargeEntries(contour, { large: 40, oversized: 30 })),
  );
});
