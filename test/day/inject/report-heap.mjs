// Loaded before a built program (`--import`): on SIGUSR2 it prints its heap after a garbage collection.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  // A second collection takes the objects that finalizers have freed.
  setImmediate(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo();
    const heap = { pid: process.pid, bytes: heapUsed + external, resources: resources.length };
    process.stdout.write(`\nday.heap ${JSON.stringify(heap)}\n`);
  });
});
