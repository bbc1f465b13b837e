/** The OpenAPI document as tests read it, and what fits its schemas. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { buildRoutesOnly } from "./routes-only.ts";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly examples?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

export interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly $ref: string }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly {
    readonly in: "path" | "query" | "header";
    readonly name: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly content?: Readonly<Record<string, Content>>;
        readonly headers?: Readonly<Record<string, object>>;
      }
    >
  >;
}

export interface Document {
  readonly openapi: string;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

/** An operation with its place in the document. */
export interface Place {
  /** as in the route table: `POST /v1/capsules/:id/pause` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export async function readDocument(): Promise<Document> {
  await using app = await buildRoutesOnly();
  return (await app.inject("/openapi.json")).json();
}

export function placesOf({ paths }: Document): Place[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([lower, operation]) => {
      const method = lower.toUpperCase();
      return { name: `${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`, method, path, operation };
    }),
  );
}

const FORMATS = {
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  date: /^\d{4}-\d\d-\d\d$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  binary: true,
} as const;

const ROOT = "openapi.json";

/** A schema by which every field has to be declared. */
function closed<Node>(node: Node): Node {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map(closed) as Node;
  const fields = Object.fromEntries(Object.entries(node).map(([name, child]) => [name, closed(child)]));
  const declares = fields["type"] === "object" && "properties" in fields;
  return (declares ? { additionalProperties: false, ...fields } : fields) as Node;
}

/** Says what is wrong with values by the schemas of the document, whatever made it; fields that they do not name are wrong too. */
export class SchemaCheck {
  readonly #ajv = new Ajv2020({ strict: false, formats: FORMATS });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(document: Document) {
    this.#ajv.addSchema(closed(document), ROOT);
  }

  /** Undefined for a value that fits. */
  complaint(schema: Schema, value: unknown): string | undefined {
    const text = JSON.stringify(closed(schema)).replaceAll('"$ref":"#/', `"$ref":"${ROOT}#/`);
    const validate = this.#compiled.get(text) ?? this.#ajv.compile(JSON.parse(text));
    this.#compiled.set(text, validate);
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors);
  }
}
