// A starter for a test to kill: it starts the given server, reports its process id, and hangs.
import { startNeo4j, startPostgres, startRedis, superviseChild } from '@contour/local';

const [what, dataDir, cacheDir] = process.argv.slice(2);
const start = {
  postgres: () => startPostgres({ dataDir, flags: ['-c', 'fsync=off'] }),
  neo4j: () => startNeo4j({ dataDir, cacheDir }),
  redis: () => startRedis({ dataDir, cacheDir }),
  // A child that ignores its signal, with a child of its own that does the same.
  stubborn: () => superviseChild('sh', ['-c', "trap '' TERM; sleep 600"], { deadlineMs: 200 }),
};
const { pid } = await start[what]();
process.send({ pid });
setInterval(() => {}, 1_000);
