/** Examples of whole bodies, put together from those that the schemas give of their fields. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

type Schemas = Readonly<Record<string, Schema>>;

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-03-01T12:00:00Z",
  date: "2026-03-01",
  uuid: "0b54cf6c-3d8a-4f0e-9a53-52f4b1d0c6ce",
};

function refersTo({ $ref = "" }: Schema, schemas: Schemas): Schema | undefined {
  return schemas[$ref.split("/").at(-1) ?? ""];
}

/** What a schema says of itself, without a look at its parts. */
function ownExample({ examples, default: preset, const: only, enum: choices, format = "" }: Schema): unknown {
  return examples?.[0] ?? preset ?? only ?? choices?.[0] ?? FORMATS[format];
}

/** A field that may be absent is in an example when somebody thought of one for it. */
function isShown(name: string, schema: Schema, { required = [] }: Schema): boolean {
  return required.includes(name) || schema.examples !== undefined || schema.default !== undefined;
}

/** Undefined when a text in it has no example. @param schemas those that it may refer to, by their names */
export function exampleOf(schema: Schema, schemas: Schemas): unknown {
  const own = ownExample(schema);
  if (own !== undefined) return own;
  const target = refersTo(schema, schemas) ?? schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (target !== undefined) return exampleOf(target, schemas);
  switch (schema.type) {
    case "object":
      return exampleOfObject(schema, schemas);
    case "array": {
      const item = exampleOf(schema.items ?? {}, schemas);
      return item === undefined ? undefined : [item];
    }
    case "boolean":
      return false;
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 1, 1);
    default:
      return undefined;
  }
}

function exampleOfObject(schema: Schema, schemas: Schemas): object | undefined {
  const shown = Object.entries(schema.properties ?? {}).filter(([name, field]) => isShown(name, field, schema));
  const fields = shown.map(([name, field]) => [name, exampleOf(field, schemas)] as const);
  return fields.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(fields);
}
