/** What the OpenAPI document gets beyond what the generator makes of the routes: codes of errors, headers, examples, names, order. */
import { STATUS_CODES } from "node:http";
import { ERROR_CODES, ERRORS, type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import { toEnvelope } from "../api/envelope.ts";
import { describeHeaders } from "./document-headers.ts";
import { type Document, JSON_TYPE, type Operation, operationsOf } from "./document-model.ts";
import { exampleOf } from "./examples.ts";

/** What the generator puts behind the name of a schema of requests. */
const INPUT = /Input$/;
const PARAMETER_ORDER = ["path", "query", "header"];

function isReference(name: string): string {
  return `"#/components/schemas/${name}"`;
}

/** Schemas that no path refers to, such as the input form of an answer, are left out. */
function dropUnusedSchemas(document: Document): void {
  const schemas = document.components?.schemas ?? {};
  for (let before = -1; before !== Object.keys(schemas).length; ) {
    before = Object.keys(schemas).length;
    const text = JSON.stringify({ paths: document.paths, schemas });
    for (const name of Object.keys(schemas)) {
      if (!text.includes(isReference(name))) delete schemas[name];
    }
  }
}

/** `CreateCapsuleInput` is `CreateCapsule`, unless answers have a schema of that name too. */
function shortenNames(document: Document): void {
  const schemas = document.components?.schemas ?? {};
  const short = (name: string) => {
    const base = name.replace(INPUT, "");
    return base in schemas ? name : base;
  };
  const rename = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const fields = node as Record<string, unknown>;
    const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(String(fields["$ref"])) ?? [];
    if (name !== undefined) fields["$ref"] = `#/components/schemas/${short(name)}`;
    for (const child of Object.values(fields)) rename(child);
  };
  rename(document.paths);
  rename(schemas);
  if (document.components === undefined) return;
  document.components.schemas = Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [short(name), schema]),
  );
}

/** Leaves out what zod adds to each whole number and each time: bounds of 2^53 and a pattern beside the format. */
function tidy(schema: unknown): void {
  if (typeof schema !== "object" || schema === null) return;
  const fields = schema as Record<string, unknown>;
  if (fields["minimum"] === Number.MIN_SAFE_INTEGER) delete fields["minimum"];
  if (fields["maximum"] === Number.MAX_SAFE_INTEGER) delete fields["maximum"];
  if (fields["format"] === "date-time") delete fields["pattern"];
  for (const child of Object.values(fields)) tidy(child);
}

/** Answers may have fields of a later version, which clients that hold them to the document would refuse. */
function openAnswers(document: Document): void {
  const asked = JSON.stringify(operationsOf(document).map(({ requestBody }) => requestBody));
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    if (!asked.includes(isReference(name))) open(schema);
  }
  for (const { responses } of operationsOf(document)) open(responses);
}

function open(schema: unknown): void {
  if (typeof schema !== "object" || schema === null) return;
  const fields = schema as Record<string, unknown>;
  if (fields["additionalProperties"] === false) delete fields["additionalProperties"];
  for (const child of Object.values(fields)) open(child);
}

/** Each error as clients see it, once. */
function errorExamples(): Record<ErrorCode, object> {
  const example = (code: ErrorCode) => {
    const { suggestion, retryable } = ERRORS[code];
    const hint = [...(suggestion === undefined ? [] : [suggestion]), ...(retryable ? ["It may succeed later."] : [])];
    const value = toEnvelope(new WrennError(code, code.replaceAll("_", " ")));
    return { summary: code, ...(hint.length === 0 ? {} : { description: hint.join(" ") }), value };
  };
  return Object.fromEntries(ERROR_CODES.map((code) => [code, example(code)])) as Record<ErrorCode, object>;
}

/** What `errors` has written down for the status, in words for people and as examples for programs. */
function tellErrors(response: NonNullable<Operation["responses"]>[string], phrase: string): ErrorCode[] {
  const codes = (response.description ?? "").split(" ") as ErrorCode[];
  response.description = `${phrase}: ${codes.map((code) => `\`${code}\``).join(", ")}`;
  const content = response.content?.[JSON_TYPE];
  if (content !== undefined) {
    content.examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  }
  return codes;
}

function describeAnswers(document: Document): void {
  const told = new Set<ErrorCode>();
  for (const { responses = {} } of operationsOf(document)) {
    for (const [status, response] of Object.entries(responses)) {
      const phrase = STATUS_CODES[status] ?? status;
      if (Number(status) >= 400) for (const code of tellErrors(response, phrase)) told.add(code);
      else if (response.description === "Default Response") response.description = phrase;
    }
  }
  const all = Object.entries(errorExamples()).filter(([code]) => told.has(code as ErrorCode));
  document.components = { ...document.components, examples: Object.fromEntries(all) };
}

/** Puts an example to every body that is JSON, made of those of its fields. */
function giveExamples(document: Document): void {
  const schemas = document.components?.schemas ?? {};
  for (const { requestBody, responses = {} } of operationsOf(document)) {
    for (const { content = {} } of [requestBody ?? {}, ...Object.values(responses)]) {
      const body = content[JSON_TYPE];
      if (body?.schema !== undefined && body.examples === undefined) body.example = exampleOf(body.schema, schemas);
    }
  }
}

/** Generators make positional arguments of parameters: those of the path come first. */
function orderParameters(document: Document): void {
  const rank = (place: string) => PARAMETER_ORDER.indexOf(place);
  for (const { parameters } of operationsOf(document)) parameters?.sort((a, b) => rank(a.in) - rank(b.in));
}

/** @param optional ids of the operations whose body may be left out; the generator takes every body for required */
function relaxBodies(document: Document, optional: ReadonlySet<string>): void {
  for (const { operationId, requestBody } of operationsOf(document)) {
    if (requestBody !== undefined && optional.has(operationId ?? "")) requestBody.required = false;
  }
}

export function touchUp(document: Document, optionalBodies: ReadonlySet<string>): void {
  dropUnusedSchemas(document);
  shortenNames(document);
  relaxBodies(document, optionalBodies);
  orderParameters(document);
  tidy(document.components?.schemas);
  openAnswers(document);
  describeAnswers(document);
  giveExamples(document);
  describeHeaders(document);
}
