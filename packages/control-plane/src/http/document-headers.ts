/** The headers of answers that clients go by, for the OpenAPI document. */
import { NEXT_HEADER } from "../api/paging.ts";
import { type Document, JSON_TYPE, type Operation, operationsOf } from "./document-model.ts";
import { PASSING } from "./errors.ts";

const REQUEST_ID = "x-request-id";
const RETRY_AFTER = "retry-after";
const REPLAYED = "idempotency-replayed";

const HEADERS = {
  [REQUEST_ID]: {
    description: "Names the request in logs and in the audit log: the id that was sent with it, if one was",
    schema: { type: "string" },
  },
  [NEXT_HEADER]: {
    description: "The `cursor` of the next page. A page that is not full is the last one and has none.",
    schema: { type: "string" },
  },
  [REPLAYED]: {
    description: "`true` when this is the answer to an earlier request with the same Idempotency-Key",
    schema: { type: "string", enum: ["true"] },
  },
  [RETRY_AFTER]: {
    description: "Seconds after which it is worth asking again",
    schema: { type: "integer", minimum: 0 },
  },
};

/** Whether the answer is a page whose successor a header names. */
function isPage({ parameters = [], responses = {} }: Operation, status: string): boolean {
  const takesCursor = parameters.some(({ in: place, name }) => place === "query" && name === "cursor");
  return takesCursor && responses[status]?.content?.[JSON_TYPE]?.schema?.type === "array";
}

function isReplayable({ parameters = [] }: Operation, status: string): boolean {
  return status === "201" && parameters.some(({ name }) => name === "idempotency-key");
}

/** Puts to every answer which headers it has. */
export function describeHeaders(document: Document): void {
  for (const operation of operationsOf(document)) {
    for (const [status, response] of Object.entries(operation.responses ?? {})) {
      const fields = [REQUEST_ID];
      if (isPage(operation, status)) fields.push(NEXT_HEADER);
      if (isReplayable(operation, status)) fields.push(REPLAYED);
      if (PASSING.has(Number(status))) fields.push(RETRY_AFTER);
      response.headers = Object.fromEntries(fields.map((field) => [field, { $ref: `#/components/headers/${field}` }]));
    }
  }
  document.components = { ...document.components, headers: HEADERS };
}
