// Loaded into a process before its own code: on SIGUSR2 it says how much is left after a collection.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  // What was freed by finalizers is collected by a second one.
  setImmediate(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo();
    const heap = { pid: process.pid, bytes: heapUsed + external, resources: resources.length };
    process.stdout.write(`\nday.heap ${JSON.stringify(heap)}\n`);
  });
});
