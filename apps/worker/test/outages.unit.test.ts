import { AppError } from '@contour/contract';
import { expect, it } from 'vitest';
import { untilItWorks } from '../src/outages.ts';

const away = () => new AppError('postgres_unavailable', 'away', undefined);

it('tries again while a server is away', async () => {
  const failures: string[] = [];
  const answers = [away(), away(), 'here'];
  const work = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const onFailure = (error: AppError) => void failures.push(error.message);
  const stopping = new AbortController().signal;
  expect(await untilItWorks(work, { stopping, onFailure })).toBe('here');
  expect(failures).toEqual(['away', 'away']);
});

it('gives up at once when the process is to stop', async () => {
  const stop = new AbortController();
  const work = () => Promise.reject(away());
  const waiting = untilItWorks(work, { stopping: stop.signal, onFailure: () => stop.abort() });
  await expect(waiting).rejects.toThrow('away');
});

it('does not repeat work that failed for another reason', async () => {
  let tries = 0;
  const work = async () => {
    tries += 1;
    throw new TypeError('a bug');
  };
  const stopping = new AbortController().signal;
  await expect(untilItWorks(work, { stopping, onFailure: () => undefined })).rejects.toThrow(
    'a bug',
  );
  expect(tries).toBe(1);
});
