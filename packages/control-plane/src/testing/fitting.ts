/** Random values that fit a schema of the OpenAPI document: what gets past validation. */
import type { Document, Schema } from "./document.ts";
import type { Random } from "./random.ts";

const TEXTS = [
  "",
  " ",
  "x",
  "true",
  "0",
  "é\u{1f600}",
  "'; DROP TABLE users; --",
  "x".repeat(300),
  "line\nline",
  "\u0007",
];
const TIMES: Readonly<Record<string, readonly string[]>> = {
  "date-time": ["1970-01-01T00:00:00Z", "2026-02-28T23:59:59.999Z", "9999-12-31T23:59:59+14:00"],
  date: ["1970-01-01", "2026-02-28", "9999-12-31"],
};
const MOST = 2 ** 53 - 1;
const DEEPEST = 6;

export class Fitting {
  readonly #schemas: Document["components"]["schemas"];
  readonly #random: Random;

  constructor({ components }: Document, random: Random) {
    this.#schemas = components.schemas;
    this.#random = random;
  }

  value(schema: Schema, depth = 0): unknown {
    const { $ref, anyOf, oneOf, examples = [], type } = schema;
    const named = this.#schemas[$ref?.split("/").at(-1) ?? ""];
    if (named !== undefined) return this.value(named, depth);
    const choices = anyOf ?? oneOf;
    if (choices !== undefined) return this.value(this.#random.pick(choices), depth);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined) return this.#random.pick(schema.enum);
    if (examples.length > 0 && (schema.pattern !== undefined || this.#random.below(2) === 0)) return examples[0];
    if (depth > DEEPEST) return null;
    switch (type) {
      case "string":
        return this.#text(schema);
      case "integer":
      case "number":
        return this.#number(schema);
      case "boolean":
        return this.#random.below(2) === 0;
      case "array":
        return Array.from({ length: (schema.minItems ?? 0) + this.#random.below(3) }, () =>
          this.value(schema.items ?? {}, depth + 1),
        );
      case "object":
        return this.#object(schema, depth);
      default:
        return null;
    }
  }

  #text({ format = "", minLength = 0, maxLength = MOST }: Schema): string {
    const times = TIMES[format];
    if (times !== undefined) return this.#random.pick(times);
    return this.#random.pick(TEXTS).padEnd(minLength, "x").slice(0, maxLength).toWellFormed();
  }

  #number({ minimum = -MOST, maximum = MOST }: Schema): number {
    return this.#random.pick([minimum, maximum, Math.min(Math.max(1, minimum), maximum)]);
  }

  #object({ properties = {}, required = [], additionalProperties: others }: Schema, depth: number): object {
    const names = Object.keys(properties).filter((name) => required.includes(name) || this.#random.below(2) === 0);
    const more = typeof others === "object" ? TEXTS.slice(0, this.#random.below(4)) : [];
    const schemaOf = (name: string) => properties[name] ?? (typeof others === "object" ? others : {});
    return Object.fromEntries([...names, ...more].map((name) => [name, this.value(schemaOf(name), depth + 1)]));
  }
}
