import { z } from 'zod';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

export const refTo = (kind: 'schemas' | 'headers' | 'responses' | 'examples', name: string) => ({
  $ref: `#/components/${kind}/${name}`,
});

/** `null` beside what a schema takes; asked again of the same schema, nothing changes. */
function allowNull(schema: JsonSchema): void {
  if (schema.anyOf !== undefined) {
    // A new list: schemas that are made from one another share theirs.
    if (!schema.anyOf.some(({ type }) => type === 'null')) {
      schema.anyOf = [...schema.anyOf, { type: 'null' }];
    }
  } else if (schema.type !== undefined) {
    const types = [schema.type].flat();
    if (!types.includes('null')) schema.type = [...types, 'null'] as never;
  }
}

/** What zod cannot know by itself, or says in more words than a reader wants. */
function mend({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: JsonSchema }) {
  const { def } = zodSchema._zod as z.core.$ZodTypes['_zod'];
  // The one preprocessing step of the contract reads null as absence: an optional field takes null.
  if (def.type === 'pipe' && def.in._zod.def.type === 'transform') {
    if (def.out._zod.def.type === 'optional') allowNull(jsonSchema);
  }
  // The format says it all; the pattern beside it is four lines long.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}

/**
 * JSON Schemas of what goes over the wire: before defaults and transforms, and open to fields that may
 * be added later wherever the zod schema does not itself refuse them.
 */
const OPTIONS = { io: 'input', unrepresentable: 'any', override: mend } as const;

export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, OPTIONS);
  return rest;
}

/** Several with names; where one stands within another there is a reference. */
export function namedJsonSchemas(named: Record<string, z.ZodType>): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    ...OPTIONS,
    uri: (id) => refTo('schemas', id).$ref,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: _id, ...rest }]) => [name, rest]),
  );
}
