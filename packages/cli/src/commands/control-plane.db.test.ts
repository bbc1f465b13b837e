import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { makeAuthority } from "@wrenn/control-plane/hosts/authority";
import {
  ENGINES,
  freshDatabase,
  removeLayout,
  startTestPostgres,
  testLayout,
} from "@wrenn/control-plane/testing/postgres";
import { describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const ADMIN = { email: "admin@example.com", password: "a long enough password" };

/** The address that the log names. */
async function listening({ stdout }: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of stdout ?? []) {
    text += String(chunk);
    const url = /"event":"listening","url":"([^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(text);
}

describe.each(ENGINES)("wrenn control-plane on PostgreSQL $name", (engine) => {
  it("is one of several on a database, each with a state folder of its own", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startTestPostgres(engine));
    const { certPem, keyPem } = await makeAuthority();
    const env = {
      PATH: process.env["PATH"],
      DATABASE_URL: await freshDatabase(server.postgres),
      JWT_SECRET: randomBytes(32).toString("hex"),
      WRENN_ENCRYPTION_KEY: randomBytes(32).toString("hex"),
      WRENN_CA_CERT: certPem,
      WRENN_CA_KEY: keyPem,
      WRENN_ADMIN_EMAIL: ADMIN.email,
      WRENN_ADMIN_PASSWORD: ADMIN.password,
    };
    const start = async () => {
      const layout = stack.adopt(await testLayout(), removeLayout);
      const child = spawn(process.execPath, [MAIN, "control-plane", "--listen", "127.0.0.1:0"], {
        env: { ...env, WRENN_DIR: layout.dir, WRENN_CACHE_DIR: layout.cache },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(child, "exit");
      stack.defer(async () => {
        child.kill("SIGKILL");
        await exit;
      });
      const url = await listening(child);
      expect((await stat(layout.logs)).mode & 0o777).toBe(0o700);
      return { child, exit, layout, url };
    };
    const planes = [await start(), await start()];
    const [one, other] = planes.map(({ url }) => url);
    const post = (url: string, body: object) =>
      fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const { token } = (await (await post(`${one}/v1/auth/login`, ADMIN)).json()) as { token: string };
    const hosts = await fetch(`${other}/v1/hosts`, { headers: { authorization: `Bearer ${token}` } });
    expect(await hosts.json()).toEqual([]);
    expect((await fetch(`${other}/ready`)).status).toBe(200);
    // No start makes a key by itself.
    const keys = await fetch(`${one}/v1/api-keys`, { headers: { authorization: `Bearer ${token}` } });
    expect(await keys.json()).toEqual([]);
    for (const { layout } of planes) expect(existsSync(layout.apiKeyFile)).toBe(false);
    for (const { child, exit } of planes) {
      child.kill("SIGTERM");
      expect(await exit).toEqual([0, null]);
    }
  });
});
