import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HostCredentials, writeCredentials } from "@wrenn/host-agent/enrolment/credentials";
import { afterAll, describe, expect, it } from "vitest";
import { requireEnrolment } from "./host-agent.ts";

describe("wrenn host-agent", () => {
  const folder = mkdtempSync(join(tmpdir(), "wrenn-host-agent-"));
  const file = join(folder, "host-credentials.json");
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const enrolled: HostCredentials = {
    host_id: "host-1",
    control_plane: "https://cp",
    address: "192.0.2.1:50051",
    token: "t",
    refresh_token: "r",
    cert_pem: "",
    key_pem: "",
    ca_cert_pem: "",
    local: false,
    registered_with: "h",
  };

  it("starts where the box is enrolled, and says what it takes where it is not", async () => {
    const absent = join(folder, "absent.json");
    await expect(requireEnrolment({}, absent)).rejects.toMatchObject({ code: "config_invalid" });
    await writeCredentials(file, enrolled);
    await requireEnrolment({}, file);
  });

  it("says whose the folder of `wrenn up` is", async () => {
    await writeCredentials(file, { ...enrolled, local: true, address: "127.0.0.1:4321" });
    const refused = requireEnrolment({}, file);
    await expect(refused).rejects.toMatchObject({ code: "invalid_state" });
    await expect(refused).rejects.toThrow(`${folder} is of the host that belongs to \`wrenn up\``);
  });

  it("says that its credentials are damaged", async () => {
    writeFileSync(file, "{}");
    await expect(requireEnrolment({}, file)).rejects.toMatchObject({ code: "config_invalid" });
  });

  it("lets a box be enrolled elsewhere that was its own before", async () => {
    await writeCredentials(file, { ...enrolled, local: true });
    const env = { WRENN_REGISTER_TOKEN: "t", WRENN_CP_URL: "https://cp", WRENN_HOST_ADDRESS: "192.0.2.1:50051" };
    await requireEnrolment(env, file);
  });
});
