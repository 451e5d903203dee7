import type { z } from 'zod';
import { type Check, fail, ok, warn } from './check.ts';
import type { ProcessSettings } from './process-settings.ts';
import { shownSetting } from './shown-setting.ts';

type Source = Record<string, string | undefined>;
type Values = Readonly<Record<string, unknown>>;

export interface CheckedSettings {
  checks: Check[];
  /** What the valid ones come to, for whoever looks further. */
  values: Values;
}

/** What is allowed, and still worth a word when it is missing. */
const MISSING: Record<
  string,
  { detail: string; advice: string; isMissed(values: Values): boolean }
> = {
  CORE_URL: {
    detail: 'not set: enriched messages are printed, and count as delivered',
    advice: 'set it to where Core listens',
    isMissed: () => true,
  },
  CORE_SECRET: {
    detail: 'not set: Core cannot tell who pushes to it',
    advice: 'set it to whsec_ and base64, here and at Core',
    isMissed: ({ NODE_ENV, CORE_URL }) => NODE_ENV === 'production' && CORE_URL !== undefined,
  },
  API_KEYS: {
    detail: 'none: everybody may send messages',
    advice: 'set it to name:key,name:key; production needs it',
    isMissed: () => true,
  },
  ADMIN_KEYS: {
    detail: "none: the operator's endpoints stand open",
    advice: 'set it to name:key,name:key; production needs it',
    isMissed: () => true,
  },
};

/** Advice on a setting that is not wrong. */
const NOTES: Record<string, (value: unknown) => string> = {
  LINK_BY_PHONE: (value) => (value === true ? '; choose verified if people type their phones' : ''),
};

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

/** Checks every variable of both processes as they do; one that both read has to please both. */
export function checkSettings({ api, worker }: ProcessSettings, source: Source): CheckedSettings {
  // As for the processes, an empty variable counts as absent.
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
    if (missing?.isMissed(values) && isNone(values[name])) {
      return warn(check, missing.detail, missing.advice);
    }
    const shown = shownSetting(name, values[name]);
    const isDefault = given[name] === undefined && shown !== 'not set';
    const note = NOTES[name]?.(values[name]) ?? '';
    return ok(check, `${isDefault ? `${shown} (default)` : shown}${note}`);
  });
  return { checks, values };
}
