const ENVELOPE = new Set(['level', 'time', 'name', 'pid', 'msg']);

/** A line of a process's log for a reader. A line that is not JSON stays as it is. */
export function readableLine(name: string, line: string): string {
  const event = parse(line);
  if (!event) return `${label(name)}${line}`;
  if (event.msg === 'core.console') {
    return `${label('core')}would get ${JSON.stringify(event.payload, null, 2)}`;
  }
  const level = event.level === 'info' ? [] : [String(event.level ?? '')];
  const fields = Object.entries(event)
    .filter(([key]) => !ENVELOPE.has(key))
    .map(([key, value]) => `${key}=${readableValue(value)}`);
  return label(name) + [...level, String(event.msg ?? ''), ...fields].filter(Boolean).join(' ');
}

const label = (name: string) => `${name.padEnd(8)}│ `;

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function readableValue(value: unknown): string {
  if (typeof value === 'string') return value.includes(' ') ? JSON.stringify(value) : value;
  if (typeof value === 'object' && value !== null && 'message' in value) {
    return JSON.stringify(value.message); // an error, without its stack
  }
  return JSON.stringify(value);
}
