/** The parts of an OpenAPI document that are worked on here. */
import type { Schema } from "./examples.ts";

export const JSON_TYPE = "application/json";

interface Content {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, { $ref: string }>;
}
type ByType = Record<string, Content>;

export interface Operation {
  operationId?: string;
  parameters?: { in: string; name: string }[];
  requestBody?: { required?: boolean; content?: ByType };
  responses?: Record<string, { description?: string; content?: ByType; headers?: Record<string, object> }>;
}

export interface Document {
  components?: {
    schemas?: Record<string, Schema>;
    examples?: Record<string, unknown>;
    headers?: Record<string, object>;
  };
  paths?: Record<string, Record<string, Operation>>;
}

export function operationsOf({ paths = {} }: Document): Operation[] {
  return Object.values(paths).flatMap((methods) => Object.values(methods));
}
