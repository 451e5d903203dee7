import type { Contour } from '../../support/contour.ts';

const alive = (contour: Contour) => contour.workers.filter((worker) => !worker.ended());

/** As many workers as wanted, whatever was done to those of the row before. */
export async function ensureWorkers(contour: Contour, count: number): Promise<void> {
  // One that a failed row left frozen does no work.
  for (const worker of alive(contour)) worker.thaw();
  while (alive(contour).length < count) await contour.startWorker();
}
