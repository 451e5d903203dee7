const POLL_MS = 100;
const READY_TIMEOUT_MS = 30_000;

/** Resolves when a page answers 200; rejects when its process ends before, or time is up. */
export async function waitUntilReady(
  name: string,
  url: string,
  firstEnd: Promise<string>,
): Promise<void> {
  let ended: string | undefined;
  void firstEnd.then((how) => {
    ended = how;
  });
  let last = 'no answer';
  for (const deadline = Date.now() + READY_TIMEOUT_MS; Date.now() < deadline; ) {
    if (ended) throw new Error(`${ended} before it was ready; its own words are above`);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      last = `${response.status} ${await response.text()}`;
      if (response.status === 200) return;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${name} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`);
}
