import { readdir, readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { BuiltProcess } from '../../support/processes.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Figure } from './figure.ts';
import type { Listener } from './listen.ts';

const MB = 1024 * 1024;

/*
 * What a process may have more at the end than after its first hour, however long the day was: code
 * that is compiled when it is first run, a pool that happens to be full. RSS goes up and down with the
 * largest burst: what V8 and malloc have freed they seldom give back.
 */
const MAY_GROW = { heap: 6 * MB, rss: 80 * MB, files: 20, resources: 20 };

/** The operating system's values of a process. Empty without /proc. */
async function systemFigures(name: string, pid: number): Promise<Figure[]> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const rss = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
    const files = (await readdir(`/proc/${pid}/fd`)).length;
    return [
      { name: `${name}: RSS`, value: rss, unit: 'bytes', mayGrow: MAY_GROW.rss },
      { name: `${name}: open files`, value: files, unit: 'count', mayGrow: MAY_GROW.files },
    ];
  } catch {
    return [];
  }
}

/** Measures a process that lives all day. */
export async function measureVeteran(one: BuiltProcess, listener: Listener): Promise<Figure[]> {
  const name = one.name === 'api' ? 'API' : 'worker';
  await one.kill('SIGUSR2');
  const heap = await waitFor(`the report of ${name}`, () => listener.takeReport(one.pid));
  const { bytes, resources } = heap;
  return [
    { name: `${name}: heap after GC`, value: bytes, unit: 'bytes', mayGrow: MAY_GROW.heap },
    ...(await systemFigures(name, one.pid)),
    {
      name: `${name}: timers, sockets`,
      value: resources,
      unit: 'count',
      mayGrow: MAY_GROW.resources,
    },
  ];
}

/** Measures this program, which keeps an hour at most. */
export async function measureSelf(): Promise<Figure[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const { heapUsed } = process.memoryUsage();
  return [
    { name: 'this program: heap after GC', value: heapUsed, unit: 'bytes', mayGrow: 40 * MB },
    ...(await systemFigures('this program', process.pid)).slice(1),
  ];
}
