import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkDatabaseUrl, withExplicitTls } from "./database-url.ts";
import { requireDatabase } from "./require-database.ts";

function problemsOf(url: string): string[] {
  const problems: string[] = [];
  checkDatabaseUrl(url, (ok, problem) => void (ok || problems.push(problem)));
  return problems;
}

describe("DATABASE_URL", () => {
  it.each([
    "postgres://u:p@db.example.com/wrenn",
    "postgresql://db",
    "postgres:///wrenn?host=/run/postgresql",
    "postgres://u@/wrenn?host=/run/postgresql",
    "postgres://u@db/wrenn?sslmode=no-verify",
  ])("may be %s", (url) => expect(problemsOf(url)).toEqual([]));

  it.each([
    ["mysql://u:hunter2@h/d", "must begin with postgres://"],
    ["postgres://", "names neither a host nor a database"],
    ["postgres:///", "names neither a host nor a database"],
    ["postgres://u:hunter2#@h/d", "is no valid URL"],
    ["postgres://u:hunter2@h/d?sslmode=bogus", 'sslmode of DATABASE_URL is "bogus" but must be one of disable'],
  ])("is not %s", (url, problem) => {
    expect(problemsOf(url)).toEqual([expect.stringContaining(problem)]);
    expect(problemsOf(url).join()).not.toContain("hunter2");
  });

  it("says itself what the driver makes of its sslmode", () => {
    for (const mode of ["prefer", "require", "verify-ca", "verify-full"])
      expect(withExplicitTls(`postgres://h/d?sslmode=${mode}&x=1`)).toBe("postgres://h/d?sslmode=verify-full&x=1");
    for (const query of ["sslmode=no-verify", "sslmode=disable", "uselibpqcompat=true&sslmode=require"])
      expect(withExplicitTls(`postgres://h/d?${query}`)).toBe(`postgres://h/d?${query}`);
  });

  // Whether a name is unknown or cannot be looked up is the resolver's to say.
  it.each([
    [
      "postgres://u:hunter2@127.0.0.1:1/wrenn",
      "names 127.0.0.1:1/wrenn: nothing listens there",
      /^database_unavailable$/,
    ],
    [
      "postgres://u:hunter2@nosuch.invalid/wrenn",
      "names nosuch.invalid:5432/wrenn: ",
      /^(config_invalid|database_unavailable)$/,
    ],
    [
      "postgres://u:hunter2@localhost/wrenn?host=/nosuch",
      "names /nosuch:5432/wrenn: there is no such socket",
      /^config_invalid$/,
    ],
    ["postgres://u:hunter2@h/wrenn?sslmode=require&sslrootcert=/nosuch", "cannot be used: ENOENT", /^config_invalid$/],
  ])("is told of where it leads nowhere: %s", async (url, message, code) => {
    const refused = requireDatabase(url);
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(code) });
    await expect(refused).rejects.toThrow(`DATABASE_URL ${message}`);
    await expect(refused).rejects.not.toThrow("hunter2");
  });

  it("is right where the server is only just stopping", async () => {
    const server = createServer((socket) => socket.once("data", () => socket.destroy()));
    onTestFinished(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const refused = requireDatabase(`postgres://u@127.0.0.1:${port}/wrenn`);
    await expect(refused).rejects.toMatchObject({ code: "database_unavailable" });
  });
});
