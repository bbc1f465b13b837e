import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { newId } from "@wrenn/protocol/ids";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { makeAuthority } from "./authority.ts";
import { Certificates } from "./certificates.ts";

describe("the certificates of the platform", () => {
  const folder = mkdtempSync(join(tmpdir(), "wrenn-authority-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => join(folder, name);
  const made: Certificates[] = [];
  const open = (...args: ConstructorParameters<typeof Certificates>) => {
    const certificates = new Certificates(...args);
    made.push(certificates);
    return certificates;
  };
  afterEach(() => made.splice(0).map((certificates) => certificates[Symbol.dispose]()));
  const host = () => ({ id: newId("host"), address: "192.0.2.1:50051" });

  it("are from one authority, made once and kept for root alone, whoever needs it first", async () => {
    const both = [open(undefined, file("a.json")), open(undefined, file("a.json"))];
    const [one, other] = await Promise.all(both.map((certificates) => certificates.client()));
    expect(one?.ca).toBe(other?.ca);
    expect(statSync(file("a.json")).mode & 0o777).toBe(0o600);
    const issued = await open(undefined, file("a.json")).issueHost(newCertificateRequest().csrPem, host());
    expect(issued.caPem).toBe(one?.ca);
    const [cert, ca] = [new X509Certificate(issued.certPem), new X509Certificate(issued.caPem)];
    expect(cert.verify(ca.publicKey)).toBe(true);
    expect(issued.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it("are from the authority of the configuration, and no file is made", async () => {
    const given = await makeAuthority();
    const { ca } = await open(given, file("b.json")).client();
    expect(new X509Certificate(ca).raw.equals(new X509Certificate(given.certPem).raw)).toBe(true);
    expect(() => statSync(file("b.json"))).toThrow(/ENOENT/);
  });

  it("are not from a file that was damaged", async () => {
    writeFileSync(file("c.json"), "{}");
    const certificates = open(undefined, file("c.json"));
    await expect(certificates.client()).rejects.toMatchObject({ code: "config_invalid" });
    rmSync(file("c.json"));
    expect((await certificates.client()).cert).toMatch(/^-----BEGIN CERTIFICATE-----/);
  });
});
