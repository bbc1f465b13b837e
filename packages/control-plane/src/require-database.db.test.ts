import { describe, expect, it, onTestFinished } from "vitest";
import { requireDatabase } from "./require-database.ts";
import { ENGINES, startTestPostgres } from "./testing/postgres.ts";

describe.each(ENGINES)("DATABASE_URL of a PostgreSQL $name", (engine) => {
  it("is told of when there is no such database, user, or TLS", async () => {
    await using server = await startTestPostgres(engine);
    const { postgres } = server;
    const refusal = async (change: (url: URL) => void) => {
      const url = new URL(postgres.urlOf("postgres"));
      change(url);
      return requireDatabase(url.href).catch((error: unknown) => error);
    };
    const invalid = (message: string) => ({ code: "config_invalid", message: expect.stringContaining(message) });
    expect(await refusal(() => {})).toBeUndefined();
    expect(await refusal((url) => (url.pathname = "/nosuch"))).toMatchObject(
      invalid('/nosuch: database "nosuch" does not exist'),
    );
    expect(await refusal((url) => url.searchParams.set("user", "nosuch"))).toMatchObject(invalid('"nosuch"'));
    const warnings: unknown[] = [];
    const hear = (warning: unknown) => void warnings.push(warning);
    process.on("warning", hear);
    onTestFinished(() => void process.off("warning", hear));
    expect(await refusal((url) => url.searchParams.set("sslmode", "require"))).toMatchObject(invalid("SSL"));
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });
});
