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

function complaint(issue: Issue): string {
  switch (issue.code) {
    case "too_small":
      return `must be at least ${issue.minimum}${UNITS[issue.origin] ?? ""}`;
    case "too_big":
      return `must be at most ${issue.maximum}${UNITS[issue.origin] ?? ""}`;
    case "invalid_type":
      return `must be ${NOUNS[issue.expected] ?? issue.expected}`;
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

/** Validates with the zod schema of the route and gives its defaults. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (input: unknown) => {
    const result = schema.safeParse(input, { reportInput: true });
    if (result.success) return { value: result.data };
    const [first] = result.error.issues;
    return {
      error: new WrennError("invalid_request", first === undefined ? "invalid request" : describeIssue(first)),
    };
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
