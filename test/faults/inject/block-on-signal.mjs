// Loaded before a built program (`--import`): SIGUSR2 blocks its event loop for a while, as a long
// computation or a huge garbage collection does. Unlike after SIGSTOP, its threads go on.
const BLOCKED_MS = Number(process.env.BLOCKED_MS);

process.on('SIGUSR2', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_MS);
});
