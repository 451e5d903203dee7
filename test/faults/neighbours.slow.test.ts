import { describe } from 'vitest';
import type { Behaviour } from '../support/fake-core.ts';
import { withRedis } from '../support/redis-client.ts';
import { minutesOfRun } from '../support/seed.ts';
import { beside, besideOthers } from './matrix/beside.ts';
import { failAtCore, failInWays, replayDead, slowAtCore } from './matrix/core-troubles.ts';
import { flood, makeUpCredentials } from './matrix/flood-troubles.ts';
import { addLargeEntries, givePlaceholder, sendManyKeys } from './matrix/input-troubles.ts';
import { NEIGHBOURS, type NeighbourLoad } from './matrix/neighbours.ts';
import {
  holdSnapshot,
  lockDeliveries,
  lockDialog,
  refuseOneName,
} from './matrix/postgres-troubles.ts';
import { row } from './matrix/row.ts';
import { together } from './matrix/trouble.ts';

const BY_STREAM: NeighbourLoad = { ...NEIGHBOURS, by: 'stream' };

const LOCKED = 'one dialog locked by another session, 10 messages/s to it';
const FIVE_WAYS = `a dialog locked, a trigger that refuses a name, Core failing, Core slow, floods of 1000 messages; ${minutesOfRun()} min`;
const SMALL_REDIS = 96 * 1024 * 1024;
const LANES = 1_000_000;

/** One tenant gets each of these from Core. */
const WAYS: readonly Behaviour[] = [
  { status: 500 },
  { status: 403 },
  { cut: 'silent' },
  { hang: true },
];
const WELL: readonly Behaviour[] = WAYS.map(() => ({ status: 200 }));
const DIALOGS = 200;

describe('Neighbours', () => {
  row('of a tenant with a locked dialog', besideOthers(LOCKED), () =>
    beside((contour) => lockDialog(contour)),
  );

  row('of a tenant with a locked dialog, through streams', besideOthers(LOCKED, BY_STREAM), () =>
    beside((contour) => lockDialog(contour, 'stream'), { load: BY_STREAM }),
  );

  row(
    'of a tenant whose deliveries are locked',
    besideOthers('its lanes and messages locked by another session while Core answers'),
    () => beside(lockDeliveries),
  );

  row(
    'of a tenant whose clients a trigger refuses',
    besideOthers('a trigger of another application that raises an exception for one client name'),
    () => beside(refuseOneName),
  );

  row(
    'of a tenant whose Core fails',
    besideOthers('500 to one tenant with 1000 dialogs and 5 more messages/s'),
    () => beside(failAtCore),
  );

  row(
    'of two tenants whose Core is slow',
    besideOthers(
      '10 s for each message of two tenants with 300 dialogs each and 5 more messages/s',
    ),
    () => beside((contour) => slowAtCore(contour, 2)),
  );

  row(
    'of 580 made-up credentials',
    besideOthers(
      '580 requests of 250 KB, each with a credential that no tenant has; Redis has 96 MB',
    ),
    () =>
      beside(async (contour) => {
        await withRedis(contour.redis.url, (redis) =>
          redis('CONFIG', 'SET', 'maxmemory', SMALL_REDIS),
        );
        return makeUpCredentials(contour, 580);
      }),
  );

  row(
    'of a tenant that floods',
    besideOthers('9000 messages of one account, sent with Prefer: respond-async'),
    () => beside((contour) => flood(contour, { burst: 9000 })),
  );

  row(
    'of a replay of five thousand entries',
    besideOthers('POST /dlq/replay of 5000 entries, MAX_BACKLOG=500'),
    () =>
      beside((contour) => replayDead(contour, 5000), { options: { env: { MAX_BACKLOG: '500' } } }),
  );

  row(
    'of four tenants that Core fails in four ways',
    besideOthers(
      `500, 403, a cut connection, no answer: to a tenant each, with ${DIALOGS} messages at once; before it, 200`,
    ),
    () =>
      beside((contour) => failInWays(contour, WAYS, DIALOGS), {
        options: { env: { CORE_TIMEOUT_MS: '4000' } },
        begunWell: (contour) => failInWays(contour, WELL, DIALOGS),
      }),
  );

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

  row(
    'of a dump that takes long',
    besideOthers(`a snapshot held open while ${LANES} lanes come and go`),
    () => beside((contour) => holdSnapshot(contour, LANES)),
  );

  row(
    'of five tenants in trouble in five ways',
    besideOthers(FIVE_WAYS),
    () =>
      beside(
        async (contour) => {
          const troubles = [
            await lockDialog(contour),
            await refuseOneName(contour),
            await failAtCore(contour),
            await slowAtCore(contour, 1),
            // More senders at once would saturate this process, which also measures.
            await flood(contour, { burst: 1000, senders: 2, everyMs: 30_000 }),
          ];
          return {
            end: async () => together(await Promise.all(troubles.map((trouble) => trouble.end()))),
          };
        },
        { watchMs: minutesOfRun() * 60_000 },
      ),
    { lastsMs: minutesOfRun() * 60_000 },
  );
});
