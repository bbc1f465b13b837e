/** Whether an answer is one that the OpenAPI document allows. */
import { expect } from "vitest";
import type { Document, Place, SchemaCheck } from "./document.ts";

const JSON_TYPE = "application/json";
/** No request of these tests has anything to wait for. */
const MOST_MS = 10_000;

export interface Said {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
}

/** Fails when there is no answer in time. */
export async function ask(url: string, init: RequestInit): Promise<Said> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(MOST_MS) });
  const type = response.headers.get("content-type")?.split(";", 1)[0];
  return { status: response.status, type, text: await response.text() };
}

export class Judge {
  readonly #document: Document;
  readonly #schemas: SchemaCheck;

  constructor(document: Document, schemas: SchemaCheck) {
    this.#document = document;
    this.#schemas = schemas;
  }

  /** The status is one of the operation's, its body fits, and an error has one of the codes that it names there. */
  check({ operation }: Place, { status, type, text }: Said, what: string): void {
    const told = `${what}: ${status} ${text.slice(0, 500)}`;
    expect(status, told).not.toBe(500);
    expect(Object.keys(operation.responses), told).toContain(String(status));
    const content = operation.responses[status]?.content?.[type ?? ""];
    if (type === undefined) return expect(text, told).toBe("");
    expect(content, told).toBeDefined();
    if (type !== JSON_TYPE) return;
    const body = JSON.parse(text);
    expect(this.#schemas.complaint(content?.schema ?? {}, body), told).toBeUndefined();
    if (status < 400) return;
    const allowed = Object.keys(content?.examples ?? {}).map((code) => this.#document.components.examples[code]?.value);
    const codes = allowed.map((one) => (one as { error: { code: string } }).error.code);
    expect(codes, told).toContain(body.error.code);
  }
}
