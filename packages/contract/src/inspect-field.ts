import { exactNumberText } from './exact-json.ts';
import { isBranch, MAX_DEPTH } from './free-json.ts';
import type { Fault } from './outcomes.ts';

/** As many as a message may have ids. Bounds answers and dead-letter entries. */
export const MAX_FAULTS = 1000;

/** Bounds a path, because its keys come from the sender and may be as long as the body. */
const MAX_PATH = 256;

/** The findings in one body so far. */
export interface Findings {
  faults: Fault[];
  /** How many keys all objects have together. */
  keys: number;
}

function textFault(text: string): string | undefined {
  if (text.includes('\0')) return 'contains U+0000';
  if (!text.isWellFormed()) return 'contains a lone surrogate';
  return undefined;
}

interface Walk {
  /** The current place: the field and the keys below it. */
  trail: string[];
  /** A key as an answer may show it. */
  shown: (key: string) => string;
  faults: Fault[];
  keys: number;
  maxKeys: number;
  isTooDeep: boolean;
}

// Built only for a fault: a body may have tens of thousands of strings, and nearly all are valid.
function pathOf({ trail, shown }: Walk): string {
  const [field = '', ...keys] = trail;
  let path = field;
  for (const key of keys) {
    if (path.length > MAX_PATH) break;
    path = `${path}.${shown(key)}`.slice(0, MAX_PATH + 1);
  }
  return path;
}

function walk(value: unknown, state: Walk): void {
  if (typeof value === 'string') {
    const message = textFault(value);
    if (message !== undefined && state.faults.length < MAX_FAULTS) {
      state.faults.push({ path: pathOf(state), message });
    }
    return;
  }
  if (!isBranch(value) || exactNumberText(value) !== undefined) return;
  if (state.trail.length > MAX_DEPTH) state.isTooDeep = true;
  if (Array.isArray(value)) walkList(value, state);
  else walkObject(value as Record<string, unknown>, state);
}

const isOver = ({ isTooDeep, keys, maxKeys }: Walk) => isTooDeep || keys > maxKeys;

function walkList(list: readonly unknown[], state: Walk): void {
  for (let index = 0; index < list.length && !isOver(state); index += 1) {
    const item = list[index];
    if (typeof item !== 'string' && !isBranch(item)) continue;
    state.trail.push(String(index));
    walk(item, state);
    state.trail.pop();
  }
}

function walkObject(object: Record<string, unknown>, state: Walk): void {
  const keys = Object.keys(object);
  state.keys += keys.length;
  for (const key of keys) {
    if (isOver(state)) return;
    const fault = textFault(key);
    if (fault !== undefined) {
      if (state.faults.length < MAX_FAULTS) {
        state.faults.push({ path: pathOf(state), message: `has a key that ${fault}` });
      }
      continue;
    }
    const child = object[key];
    if (typeof child !== 'string' && !isBranch(child)) continue;
    state.trail.push(key);
    walk(child, state);
    state.trail.pop();
  }
}

/**
 * Walks the JSON of one field once. Lists strings and keys that no database or JSON reader would accept, and counts the
 * keys. Stops if the JSON is nested too deeply or has too many keys.
 */
export function inspectField(
  value: unknown,
  field: string,
  { shown, found, maxKeys }: { shown: (key: string) => string; found: Findings; maxKeys: number },
): 'fine' | 'too deep' | 'too many keys' {
  const before = found.keys;
  const state: Walk = {
    trail: [field],
    shown,
    faults: [],
    keys: before,
    maxKeys,
    isTooDeep: false,
  };
  walk(value, state);
  found.keys = state.keys;
  if (state.isTooDeep) return 'too deep';
  for (const fault of state.faults) if (found.faults.length < MAX_FAULTS) found.faults.push(fault);
  const isPastLimit = state.keys > maxKeys && state.keys > before;
  return isPastLimit ? 'too many keys' : 'fine';
}
