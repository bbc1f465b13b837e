import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { HostCredentials } from "@wrenn/host-agent/enrolment/credentials";
import type { Platform } from "@wrenn/testkit/platform";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownPlatform, sh } from "./shared.ts";

let platform: Platform;
let id: string;
beforeAll(async () => {
  platform = await ownPlatform();
  await platform.up();
  const api = await platform.api();
  id = (await api.create({})).id;
  await sh(api, id, "echo kept > /tmp/in-memory");
});
afterAll(() => platform?.close());

const credentials = async () =>
  JSON.parse(await readFile(platform.layout.hostCredentialsFile, "utf8")) as HostCredentials;

/** Whatever was done to its folder, the box is the same host, with its capsule. */
async function comesBack(): Promise<HostCredentials> {
  await platform.up();
  expect(await sh(await platform.api(), id, "cat /tmp/in-memory")).toBe("kept");
  return credentials();
}

it("the host of the box keeps what it enrolled with, at another port when its own is taken", async () => {
  const first = await credentials();
  expect(first.local).toBe(true);
  await platform.json("down");
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(Number(first.address.split(":")[1]), "127.0.0.1", resolve));
  try {
    const second = await comesBack();
    expect(second.cert_pem).toBe(first.cert_pem);
    expect(second.address).not.toBe(first.address);
  } finally {
    other.close();
  }
});

it("enrols anew by itself when that is lost, when the database was put back, and for another authority", async () => {
  const first = await credentials();
  const backup = `${platform.layout.dir}/backup`;
  await platform.json("backup", backup);
  await platform.json("down");
  await writeFile(platform.layout.hostCredentialsFile, "damaged");
  const second = await comesBack();
  expect(second.host_id).toBe(first.host_id);
  expect(second.cert_pem).not.toBe(first.cert_pem);

  await platform.json("down");
  await rm(platform.layout.postgres, { recursive: true });
  await platform.json("restore", backup);
  const third = await comesBack();
  expect(third.host_id).toBe(first.host_id);
  expect(third.cert_pem).not.toBe(second.cert_pem);

  await platform.json("down");
  await rm(platform.layout.authorityFile);
  await expect(comesBack()).rejects.toThrow(/authority.json/);
  platform.env["WRENN_NEW_SECRETS"] = "1";
  expect((await comesBack()).ca_cert_pem).not.toBe(third.ca_cert_pem);
});
