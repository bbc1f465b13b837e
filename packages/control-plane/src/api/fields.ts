/** How fields of answers look: whole seconds, and nothing instead of null. */
import type { Timings } from "../db/schema.ts";

/** RFC 3339 with whole seconds. */
export function toTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** In order of time. */
export function toPhases(timings: Timings): Record<string, number> {
  return Object.fromEntries(timings);
}

type Present<T> = { [Key in keyof T]: Exclude<T[Key], null> };

export function withoutNulls<T extends object>(fields: T): Partial<Present<T>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as Partial<Present<T>>;
}
