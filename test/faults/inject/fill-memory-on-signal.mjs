// Loaded before a built program (`--import`): SIGUSR2 makes it run out of memory.
process.on('SIGUSR2', () => {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill({}));
});
