import { CONSOLE } from '@contour/runtime';
import type { z } from 'zod';
import { type Check, fail, ok, shownUrl, warn } from './check.ts';

type Source = Record<string, string | undefined>;
type Values = Readonly<Record<string, unknown>>;

const APPS = new URL('../../../', import.meta.url);

/**
 * The schemas by which the built API and worker check their settings. Loaded at run time, as `start` runs
 * those processes, because no app may depend on another.
 */
async function loadProcessSettings(): Promise<Record<'api' | 'worker', z.ZodObject>> {
  const { apiEnv: api } = await import(new URL('api/dist/env.js', APPS).href);
  const { workerEnv: worker } = await import(new URL('worker/dist/env.js', APPS).href);
  return { api, worker };
}

interface Missing {
  detail: string;
  advice: string;
  /** Left out: always. */
  isMissed?(values: Values): boolean;
}

/** Settings that may be absent, but deserve a warning then. */
const MISSING: Record<string, Missing> = {
  CORE_URL: {
    detail: 'not set: enriched messages are printed, and count as delivered',
    advice: 'set it to where Core listens; production needs it',
  },
  CORE_SECRET: {
    detail: 'not set: Core cannot verify that pushes are ours',
    advice: 'set it to whsec_ and base64, here and at Core',
    isMissed: ({ NODE_ENV, CORE_URL }) =>
      NODE_ENV === 'production' && CORE_URL !== undefined && CORE_URL !== CONSOLE,
  },
  API_KEYS: {
    detail: 'none: messages need no key',
    advice: 'set it to name:key,name:key; production needs it',
  },
  ADMIN_KEYS: {
    detail: "none: the operators' endpoints need no key",
    advice: 'set it to name:key,name:key; production needs it',
  },
};

const SECRET = /PASSWORD|SECRET|KEY|TOKEN|HEADERS|CREDENTIAL/;
const MAX_LENGTH = 60;

/** A setting's value as it may be shown: only the server of a URL, and of a secret only that it is set. */
function shownSetting(name: string, value: unknown): string {
  if (value === undefined || value === '') return 'not set';
  if (Array.isArray(value)) return shownList(value);
  if (typeof value === 'object') return Object.keys(value ?? {}).length === 0 ? 'none' : 'set';
  if (SECRET.test(name)) return 'set';
  const text = String(value);
  if (text.includes('://')) return shownUrl(text);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

// An entry that is not a text is a named key, and its name may be shown.
function shownList(values: readonly unknown[]): string {
  if (values.length === 0) return 'none';
  const names = values.map((value) =>
    typeof value === 'string' ? value : String((value as { name?: unknown }).name ?? 'set'),
  );
  return names.join(', ');
}

const isNone = (value: unknown) =>
  value === undefined || (Array.isArray(value) && value.length === 0);

/** What one process finds wrong with its environment, by variable. */
function faultsOf(schema: z.ZodObject, given: Source): Map<string, string> {
  const issues = schema.safeParse(given).error?.issues ?? [];
  return new Map(
    issues.map(({ path, message }) => {
      const name = String(path[0] ?? '');
      const isAbsent = given[name] === undefined && message.startsWith('Invalid input');
      return [name, isAbsent ? 'is required' : message];
    }),
  );
}

/**
 * Checks every variable as both processes do. A variable of both must be valid for both. Returns the values of the
 * valid settings, too.
 */
export async function examineSettings(
  source: Source,
): Promise<{ checks: Check[]; values: Values }> {
  const settings = await loadProcessSettings().catch(() => undefined);
  if (settings === undefined) {
    const check = fail('settings', 'the processes are not built', 'run npm ci && npm run build');
    return { checks: [check], values: {} };
  }
  const { api, worker } = settings;
  // An empty variable counts as absent, as in the processes.
  const given = Object.fromEntries(
    Object.entries(source).filter(([, text]) => text !== undefined && text !== ''),
  );
  const faults = new Map([...faultsOf(worker, given), ...faultsOf(api, given)]);
  const shape = { ...api.shape, ...worker.shape } as Record<string, z.ZodType>;
  const names = Object.keys(shape);
  const values = Object.fromEntries(
    names.map((name) => [name, shape[name]?.safeParse(given[name]).data] as const),
  );

  const checks = names.map((name): Check => {
    const check = `setting ${name}`;
    const fault = faults.get(name);
    if (fault !== undefined) return fail(check, fault, 'correct it: .env.example says how');
    const missing = MISSING[name];
    if (missing && isNone(values[name]) && (missing.isMissed?.(values) ?? true)) {
      return warn(check, missing.detail, missing.advice);
    }
    const shown = shownSetting(name, values[name]);
    const isDefault = given[name] === undefined && shown !== 'not set';
    const isRisky = name === 'LINK_BY_PHONE' && values[name] === true;
    const note = isRisky ? '; choose verified if people type their phones' : '';
    return ok(check, `${isDefault ? `${shown} (default)` : shown}${note}`);
  });
  return { checks, values };
}
