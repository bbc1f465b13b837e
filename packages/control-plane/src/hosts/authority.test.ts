import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "@wrenn/protocol/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Authority, makeAuthority } from "./authority.ts";
import type { AuthorityPem } from "./authority-pem.ts";

describe("the certificate authority", () => {
  const folder = mkdtempSync(join(tmpdir(), "wrenn-ca-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text = "") => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const openssl = (...args: string[]) => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });

  let pem: AuthorityPem;
  let authority: Authority;
  let csr: string;
  const host = { id: newId("host"), address: "10.1.2.3:50051" };

  beforeAll(async () => {
    pem = await makeAuthority();
    authority = await Authority.open(pem);
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", join(folder, "host.key"));
    csr = openssl(
      "req",
      "-new",
      "-key",
      join(folder, "host.key"),
      "-subj",
      "/CN=wrenn-cp",
      "-addext",
      "basicConstraints=CA:TRUE",
    );
  });

  it("signs a host's request, whose certificate other programs accept for a server and for nothing else", async () => {
    const ca = file("ca.pem", pem.certPem);
    const cert = file("host.pem", (await authority.issueHost(csr, host)).certPem);
    expect(openssl("verify", "-CAfile", ca, "-purpose", "sslserver", "-verify_ip", "10.1.2.3", cert)).toMatch(/OK/);
    expect(() => openssl("verify", "-CAfile", ca, "-purpose", "sslclient", cert)).toThrow();
    expect(() => openssl("verify", "-CAfile", ca, "-verify_ip", "10.1.2.4", cert)).toThrow();
    expect(openssl("pkey", "-in", join(folder, "host.key"), "-pubout")).toBe(
      openssl("x509", "-in", cert, "-noout", "-pubkey"),
    );
  });

  it("takes nothing but the key from the request", async () => {
    const now = new Date("2026-03-01T00:00:00Z");
    const { certPem, expiresAt } = await authority.issueHost(csr, host, now);
    const cert = new X509Certificate(certPem);
    expect(cert.subject).toBe(`CN=${host.id}`);
    expect(cert.ca).toBe(false);
    expect(cert.subjectAltName).toBe("IP Address:10.1.2.3");
    expect(expiresAt).toEqual(new Date("2026-03-08T00:00:00Z"));
    expect(new Date(cert.validTo)).toEqual(expiresAt);
  });

  it.each([
    ["box.example.com:1", "DNS:box.example.com"],
    ["[2001:db8::1]:50051", "IP Address:2001:DB8:0:0:0:0:0:1"],
  ])("names the host at %s", async (address, name) => {
    const { certPem } = await authority.issueHost(csr, { ...host, address });
    expect(new X509Certificate(certPem).subjectAltName).toBe(name);
  });

  it("makes the control plane's own for a client", async () => {
    const { certPem, keyPem } = await authority.issueClient();
    const ca = file("ca.pem", pem.certPem);
    const cert = file("client.pem", certPem);
    expect(openssl("verify", "-CAfile", ca, "-purpose", "sslclient", cert)).toMatch(/OK/);
    expect(() => openssl("verify", "-CAfile", ca, "-purpose", "sslserver", cert)).toThrow();
    expect(new X509Certificate(certPem).subject).toBe("CN=wrenn-cp");
    expect(keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  it("refuses what is no request, what was changed after it was signed, and other kinds of keys", async () => {
    openssl("genrsa", "-out", join(folder, "rsa.key"), "2048");
    const rsa = openssl("req", "-new", "-key", join(folder, "rsa.key"), "-subj", "/CN=x");
    const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ""), "base64");
    der.write("WRENN", der.indexOf("wrenn"));
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    for (const text of ["", "hello", pem.certPem, rsa, changed]) {
      await expect(authority.issueHost(text, host)).rejects.toMatchObject({ code: "invalid_request" });
    }
  });

  it("is opened with the keys of other programs, and only with the right one", async () => {
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", join(folder, "own.key"));
    const sec1 = openssl("ec", "-in", join(folder, "own.key"));
    const own = openssl("req", "-x509", "-new", "-key", join(folder, "own.key"), "-subj", "/CN=Ours", "-days", "2");
    const { certPem } = await (await Authority.open({ certPem: own, keyPem: sec1 })).issueHost(csr, host);
    expect(openssl("verify", "-CAfile", file("own.pem", own), file("by-own.pem", certPem))).toMatch(/OK/);
    const leaf = (await authority.issueClient()) as AuthorityPem;
    for (const wrong of [{ ...pem, keyPem: sec1 }, { ...pem, certPem: "x" }, leaf]) {
      await expect(Authority.open(wrong)).rejects.toMatchObject({ code: "config_invalid" });
    }
  });
});
