import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readCredentials, removeCredentials, renewalDue, writeCredentials } from "./credentials.ts";

describe("credentials of a host", () => {
  const folder = mkdtempSync(join(tmpdir(), "wrenn-credentials-"));
  const file = join(folder, "host-credentials.json");
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const credentials = {
    ...{
      host_id: "host-1",
      control_plane: "https://cp",
      local: false,
      address: "h:1",
      token: "t",
      refresh_token: "r",
      registered_with: "h",
    },
    ...{ cert_pem: "", key_pem: "", ca_cert_pem: "" },
  };

  it("are kept for root alone, until they are removed", async () => {
    expect(await readCredentials(file)).toBeUndefined();
    await writeCredentials(file, credentials);
    expect(await readCredentials(file)).toEqual(credentials);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await removeCredentials(file);
    expect(await readCredentials(file)).toBeUndefined();
  });

  it.each(["", "{}", "[]", "null", '{"host_id":"host-1"}'])("are not taken from a file that holds %j", async (text) => {
    writeFileSync(file, text);
    await expect(readCredentials(file)).rejects.toMatchObject({ code: "config_invalid" });
  });

  it("are due to be renewed in the second half of the certificate's life", () => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", join(folder, "key.pem")];
    const args = ["req", "-x509", ...key, "-subj", "/CN=host-1", "-days", "10"];
    const cert_pem = execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });
    const inDays = (days: number) => renewalDue({ ...credentials, cert_pem }, Date.now() + days * 86_400_000);
    expect([inDays(0), inDays(4.9), inDays(5.1), inDays(11)]).toEqual([false, false, true, true]);
  });
});
