import fc from 'fast-check';
import type { Dice } from '../../support/dice.ts';

/** JSON as text: a scalar is its text, so that no number is rounded, and keys may repeat. */
export type Json = string | { list: Json[] } | { members: Array<[key: string, value: Json]> };

/** Texts that programs often mistake for something else. */
const NOTORIOUS = [
  ...[
    '\u2028\u2029',
    '\u202e\u05d0\u05d1 abc',
    'e\u0301\u0323',
    '👩‍👩‍👧‍👦',
    '🇺🇳',
    '\u{10ffff}\ufffe',
  ],
  ...['\ufeff', '\ufffd', '\u0001\u001f\u007f', '\u00a0\u200b\u3000', 'İı', 'ß', '\u1100\u1161'],
  ...['$&$1$$', '%00%s', '\\u0000', '"\\"', '</script>', "'; drop table x; --"],
  ...['__proto__', 'constructor', 'toJSON', '\uf8ffnumber', '{"a":1.50}', '[1e400]', '-0', 'null'],
];

/** Any valid text: whole characters, no U+0000. */
export const anyText = (maxLength = 30): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength }).map((text) => text.replaceAll('\0', '')),
    fc.string({ unit: 'grapheme', maxLength }).map((text) => text.replaceAll('\0', '')),
    fc.constantFrom(...NOTORIOUS).filter((text) => text.length <= maxLength),
  );

const digits = (maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength }).map((all) => all.join(''));

/** Any JSON number. JavaScript cannot represent most of them. */
const anyNumber: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(
      fc.constant('0'),
      digits(40).map((text) => text.replace(/^0+(?=\d)/, '')),
    ),
    fc.option(digits(20), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-'), digits(3)), { nil: undefined }),
  )
  .map(([sign, whole, fraction, exponent]) =>
    [sign, whole, fraction === undefined ? '' : `.${fraction}`, ...(exponent ?? [])].join(''),
  );

export const quoted = (text: string) => JSON.stringify(text);

interface Kind {
  /** An object may have a key twice. */
  equalKeys: boolean;
  /** Texts and keys may contain the credential, as `{token}`. */
  withToken?: boolean;
}

/** Any JSON with these properties. */
export const anyJson = ({ equalKeys, withToken = false }: Kind): fc.Arbitrary<Json> => {
  const token = fc.constantFrom('{token}', 'https://files/bot{token}/x?{token}');
  const mayHaveToken = (text: fc.Arbitrary<string>) =>
    withToken ? fc.oneof({ weight: 5, arbitrary: text }, { weight: 1, arbitrary: token }) : text;
  const key = mayHaveToken(anyText(12));
  const anyScalar = fc.oneof(
    mayHaveToken(anyText()).map(quoted),
    anyNumber,
    fc.constantFrom('null', 'true', 'false'),
  );
  return fc.letrec<{ json: Json; list: Json; object: Json }>((tie) => ({
    json: fc.oneof({ maxDepth: 4 }, anyScalar, tie('list'), tie('object')),
    list: fc.array(tie('json'), { maxLength: 4 }).map((list) => ({ list })),
    object: (equalKeys
      ? fc.array(fc.tuple(key, tie('json')), { maxLength: 4 })
      : fc.uniqueArray(fc.tuple(key, tie('json')), { maxLength: 4, selector: ([name]) => name })
    ).map((members) => ({ members })),
  })).json;
};

/** Replaces a part of all texts and keys. */
export function replaced(json: Json, from: string, to: string): Json {
  if (typeof json === 'string') return json.replaceAll(from, () => to);
  if ('list' in json) return { list: json.list.map((item) => replaced(item, from, to)) };
  return {
    members: json.members.map(([key, value]) => [
      key.replaceAll(from, () => to),
      replaced(value, from, to),
    ]),
  };
}

/** As JSON.stringify would write it. */
export function written(json: Json): string {
  if (typeof json === 'string') return json;
  if ('list' in json) return `[${json.list.map(written).join(',')}]`;
  return `{${json.members.map(([key, value]) => `${quoted(key)}:${written(value)}`).join(',')}}`;
}

/** A shuffled copy. */
export function shuffled<T>(items: readonly T[], dice: Dice): T[] {
  const left = [...items];
  return items.map(() => left.splice(dice.between(0, left.length - 1), 1)[0] as T);
}

const space = (dice: Dice) => dice.pick(['', '', ' ', '\n', '\r\n\t']);

/** Some characters as escapes, as other JSON libraries write them. */
function respelled(text: string, dice: Dice): string {
  return text.replace(/\\u[\da-f]{4}|\\.|[^"\\]/gsu, (char) => {
    if (char === '/') return '\\/';
    if (char.startsWith('\\') || dice.chance(0.7)) return char;
    const units = char.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'));
    return units.map((hex) => `\\u${hex}`).join('');
  });
}

/**
 * The same JSON in another spelling, with white space and escapes. `withOrder` keeps the order of keys,
 * as is necessary if one occurs twice.
 */
export function rewritten(json: Json, dice: Dice, { withOrder = false } = {}): string {
  const pad = (text: string) => `${space(dice)}${text}${space(dice)}`;
  const inside = (value: Json) => rewritten(value, dice, { withOrder });
  if (typeof json === 'string') return pad(json.startsWith('"') ? respelled(json, dice) : json);
  if ('list' in json) return pad(`[${json.list.map(inside).join(',')}]`);
  const members = withOrder ? json.members : shuffled(json.members, dice);
  const texts = members.map(
    ([key, value]) => `${pad(respelled(quoted(key), dice))}:${inside(value)}`,
  );
  return pad(`{${texts.join(',')}}`);
}

/** Equal JSON gives equal texts: the last of equal keys, sorted keys, numbers unchanged. */
export function canonical(text: string): string {
  // A number becomes a text with a prefix of its own.
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? `"'${token.slice(1)}` : `"#${token}"`,
  );
  const inOrder = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(inOrder);
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [`:${key}`, inOrder(child)]);
  };
  return JSON.stringify(inOrder(JSON.parse(marked)));
}
