// A starter to be killed: starts what its arguments name, prints the process ids, and stays.
import { startNeo4j, startPostgres, startRedis, superviseChild } from '@contour/local';

const [what, dataDir, cacheDir] = process.argv.slice(2);
const start = {
  postgres: () => startPostgres({ dataDir, flags: ['-c', 'fsync=off'] }),
  neo4j: () => startNeo4j({ dataDir, cacheDir }),
  redis: () => startRedis({ dataDir, cacheDir }),
  // A child that ignores being asked, with a grandchild that does, too.
  stubborn: () => superviseChild('sh', ['-c', "trap '' TERM; sleep 600"], { deadlineMs: 200 }),
};
const { pid } = await start[what]();
process.send({ pid });
setInterval(() => {}, 1_000);
