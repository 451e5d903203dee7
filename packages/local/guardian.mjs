// Stands between the starting process and one child, so that the child never outlives the starter.
//
// The kernel closes the IPC channel to the starter when the starter ends, also after a kill -9. Then the guardian ends
// the child. The guardian runs in its own session, so Ctrl-C in the terminal reaches neither it nor the child, and the
// starter decides in which order its children end.
//
// Plain JavaScript without dependencies: scripts/ uses it before anything is installed or built.
import { spawn, spawnSync } from 'node:child_process';

/** @type {import('node:child_process').ChildProcess | undefined} */
let child;
/** @type {{ command: string, args: string[], cwd?: string, env?: NodeJS.ProcessEnv, uid?: number, gid?: number, input?: string, endSignal: NodeJS.Signals, deadlineMs: number } | undefined} */
let order;

process.on('message', (message) => {
  if ('start' in message) start(message.start);
  else if ('signal' in message) signalGroup(message.signal);
  else end(message.deadlineMs);
});
process.on('disconnect', () => (child ? end(order.deadlineMs) : process.exit(0)));
process.on('SIGTERM', () => (child ? end(order.deadlineMs) : process.exit(0)));
for (const name of ['SIGINT', 'SIGHUP']) process.on(name, () => {});

function start(what) {
  order = what;
  const [command, ...args] = [...deathSignal(what.endSignal), what.command, ...what.args];
  child = spawn(command, args, {
    cwd: what.cwd,
    env: what.env,
    ...(what.uid === undefined ? {} : { uid: what.uid, gid: what.gid }),
    detached: true, // a process group of its own: grandchildren end with it
    stdio: [what.input === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'],
  });
  child.once('error', (error) => report({ failed: error.message }, 1));
  child.once('spawn', () => process.send?.({ pid: child.pid }));
  child.once('exit', (code, signal) => {
    signalGroup('SIGKILL'); // grandchildren that stayed behind
    report({ code, signal }, 0);
  });
  child.stdin?.on('error', () => {}); // the child may end before it has read everything
  child.stdin?.end(what.input);
}

// A guardian may be killed together with its starter. On Linux the kernel then sends the child a signal; other systems
// do not cover this case.
function deathSignal(signal) {
  if (process.platform !== 'linux') return [];
  const prefix = ['setpriv', '--pdeathsig', signal.replace('SIG', '')];
  const probe = spawnSync(prefix[0], [...prefix.slice(1), 'true'], { stdio: 'ignore' });
  return probe.status === 0 ? prefix : [];
}

function end(deadlineMs) {
  signalGroup(order.endSignal);
  setTimeout(() => signalGroup('SIGKILL'), deadlineMs);
}

function signalGroup(signal) {
  try {
    if (child?.pid) process.kill(-child.pid, signal);
  } catch {
    // already gone
  }
}

function report(outcome, exitCode) {
  if (!process.connected) process.exit(exitCode);
  process.send(outcome, () => process.exit(exitCode));
}
