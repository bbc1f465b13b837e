/** What is wrong with a request, in one sentence that names the field. */
import { WrennError } from "@wrenn/protocol/errors";
import type { FastifySchemaCompiler } from "fastify";
import { z } from "zod";

type Issue = z.core.$ZodIssue;

const UNITS: Record<string, string> = { string: " characters", array: " items" };

const NOUNS: Record<string, string> = {
  int: "a whole number",
  number: "a number",
  string: "a string",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  record: "an object",
};

const FORMATS: Record<string, string> = {
  datetime: "must be a time such as 2026-03-01T12:00:00Z",
  date: "must be a day such as 2026-03-01",
};

function complaint(issue: Issue): string {
  switch (issue.code) {
    case "too_small":
      if (issue.origin === "string" && issue.minimum === 1) return "must not be empty";
      return `must be at least ${issue.minimum}${UNITS[issue.origin] ?? ""}`;
    case "too_big":
      return `must be at most ${issue.maximum}${UNITS[issue.origin] ?? ""}`;
    case "invalid_type":
      return `must be ${NOUNS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "invalid_format":
      return FORMATS[issue.format] ?? issue.message;
    case "invalid_union":
      return issue.errors[0]?.[0] === undefined ? issue.message : complaint(issue.errors[0][0]);
    case "unrecognized_keys":
      return `must not have ${issue.keys.join(", ").slice(0, 200)}`;
    case "invalid_key":
      return `has a name that ${issue.issues[0]?.message ?? "is invalid"}`;
    default:
      return issue.message;
  }
}

/** `vcpus must be at most 32`, `args.0 must not contain NUL`, `the body must be an object` */
export function describeIssue(issue: Issue): string {
  const path = issue.code === "invalid_key" ? issue.path.slice(0, -1) : issue.path;
  const missing = issue.code === "invalid_type" && issue.input === undefined && path.length > 0;
  const field = path.length === 0 ? "the body" : path.join(".").slice(0, 200);
  return missing ? `${field} is required` : `${field} ${complaint(issue)}`;
}

/** Standard input is bytes; what is no id is refused as such. */
const MAY_HAVE_NUL = new Set(["stdin", "id"]);

/** Half a character is no text, and neither PostgreSQL nor a kernel takes a NUL in one. */
function textComplaint(text: string, mayHaveNul = false): string | undefined {
  if (!text.isWellFormed()) return "must be well-formed Unicode";
  return !mayHaveNul && text.includes("\0") ? "must not contain NUL" : undefined;
}

/** What is wrong with the texts in what a schema has let through, wherever they stand: no schema has to say it of each. */
function describeText(value: unknown, path: readonly string[] = []): string | undefined {
  const field = path.length === 0 ? "the body" : path.join(".").slice(0, 200).toWellFormed();
  if (typeof value === "string") {
    const problem = textComplaint(value, MAY_HAVE_NUL.has(field));
    return problem === undefined ? undefined : `${field} ${problem}`;
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, child] of Object.entries(value)) {
    const problem = textComplaint(name);
    if (problem !== undefined) return `${field} has a name that ${problem}`;
    const fault = describeText(child, [...path, name]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Validates with the zod schema of the route and gives its defaults. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (input: unknown) => {
    const result = schema.safeParse(input, { reportInput: true });
    const [issue] = result.error?.issues ?? [];
    const fault = issue === undefined ? describeText(result.data) : describeIssue(issue);
    return fault === undefined ? { value: result.data } : { error: new WrennError("invalid_request", fault) };
  };
};

/** The same where the body is a stream, which its schema only describes. */
export const streamValidatorCompiler: FastifySchemaCompiler<z.ZodType> = (part) => {
  return part.httpPart === "body" ? (value: unknown) => ({ value }) : validatorCompiler(part);
};

/** Whether a request may leave out what the schema describes. */
export function isOptional(schema: unknown): boolean {
  return schema === undefined || (schema instanceof z.ZodType && schema.safeParse(undefined).success);
}
