/**
 * The certificate authority of the platform: signs what hosts ask for and makes the control plane's own certificate. ECDSA P-256
 * throughout. Only the process that signs loads it.
 */
// oxlint-disable-next-line import/no-unassigned-import -- the library looks for what it defines
import "./reflect.ts";
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { WrennError } from "@wrenn/protocol/errors";
import { CONTROL_PLANE_NAME } from "@wrenn/protocol/host-tls";
import { type AuthorityPem, authorityProblem } from "./authority-pem.ts";

export interface IssuedCertificate {
  readonly certPem: string;
  readonly expiresAt: Date;
}

const { subtle } = webcrypto;
const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** How long each kind is valid. */
export const LIFETIME_MS = { authority: 3650 * DAY_MS, host: 7 * DAY_MS, client: 24 * HOUR_MS } as const;
/** Clocks of hosts may be behind. */
const BACKDATED_MS = 5 * MINUTE_MS;

x509.cryptoProvider.set(webcrypto as never);

/** 127 random bits, positive. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function validity(lifetimeMs: number, now: Date) {
  return { notBefore: new Date(now.getTime() - BACKDATED_MS), notAfter: new Date(now.getTime() + lifetimeMs) };
}

async function newKeys(): Promise<{ keys: webcrypto.CryptoKeyPair; keyPem: string }> {
  const keys = await subtle.generateKey(KEY, true, ["sign", "verify"]);
  return { keys, keyPem: x509.PemConverter.encode(await subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY") };
}

export async function makeAuthority(now = new Date()): Promise<AuthorityPem> {
  const { keys, keyPem } = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["Wrenn"] }],
    serialNumber: serialNumber(),
    ...validity(LIFETIME_MS.authority, now),
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: cert.toString("pem"), keyPem };
}

export class Authority {
  readonly certPem: string;
  readonly #cert: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(cert: x509.X509Certificate, key: webcrypto.CryptoKey) {
    this.certPem = cert.toString("pem");
    this.#cert = cert;
    this.#key = key;
  }

  /** @throws config_invalid unless it is a P-256 authority's certificate and its key */
  static async open(pem: AuthorityPem): Promise<Authority> {
    const problem = authorityProblem(pem);
    if (problem !== undefined) throw new WrennError("config_invalid", problem);
    const der = createPrivateKey(pem.keyPem).export({ type: "pkcs8", format: "der" });
    return new Authority(
      new x509.X509Certificate(pem.certPem),
      await subtle.importKey("pkcs8", der, KEY, false, ["sign"]),
    );
  }

  /**
   * What a host asks for, in the name that the platform gives it: nothing of the request is taken over but its key.
   * @param address `host:port`
   * @throws invalid_request for a request that is malformed, not signed with its own key, or of another kind of key
   */
  async issueHost(
    csr: string,
    { id, address }: { id: string; address: string },
    now = new Date(),
  ): Promise<IssuedCertificate> {
    const host = new URL(`https://${address}`).hostname.replace(/^\[|\]$/g, "");
    return this.#issue(await publicKeyOf(csr), id, now, LIFETIME_MS.host, [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? "dns" : "ip", value: host }]),
    ]);
  }

  /** The certificate that the control plane shows to hosts, and its key. */
  async issueClient(now = new Date()): Promise<IssuedCertificate & { readonly keyPem: string }> {
    const { keys, keyPem } = await newKeys();
    const extensions = [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])];
    return { ...(await this.#issue(keys.publicKey, CONTROL_PLANE_NAME, now, LIFETIME_MS.client, extensions)), keyPem };
  }

  async #issue(
    publicKey: webcrypto.CryptoKey,
    name: string,
    now: Date,
    lifetimeMs: number,
    extensions: x509.Extension[],
  ): Promise<IssuedCertificate> {
    const dates = validity(lifetimeMs, now);
    const cert = await x509.X509CertificateGenerator.create({
      subject: [{ CN: [name] }],
      issuer: this.#cert.subject,
      serialNumber: serialNumber(),
      ...dates,
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: SIGNATURE,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(this.#cert.publicKey),
        ...extensions,
      ],
    });
    return { certPem: cert.toString("pem"), expiresAt: dates.notAfter };
  }
}

async function publicKeyOf(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    const key = await request.publicKey.export(KEY, ["verify"]);
    if (await request.verify()) return key;
  } catch (cause) {
    throw new WrennError("invalid_request", "csr must be a PKCS #10 request in PEM with an ECDSA P-256 key", { cause });
  }
  throw new WrennError("invalid_request", "csr is not signed with the key that is in it");
}
