/**
 * A key pair of the host, and the request (PKCS #10) to certify it: ECDSA P-256. The name in the request is empty, because the
 * platform gives hosts their names.
 */
import { generateKeyPairSync, sign } from "node:crypto";

export interface CertificateRequest {
  readonly keyPem: string;
  readonly csrPem: string;
}

/** ASN.1 tags in DER. */
const TAG = { sequence: 0x30, bitString: 0x03, attributes: 0xa0 } as const;
const VERSION_0 = Buffer.from("020100", "hex");
/** The object identifier 1.2.840.10045.4.3.2. */
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");

function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

function bits(bytes: Uint8Array): Buffer {
  return der(TAG.bitString, Buffer.from([0]), bytes);
}

export function newCertificateRequest(): CertificateRequest {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = der(TAG.sequence, VERSION_0, der(TAG.sequence), spki, der(TAG.attributes));
  const request = der(TAG.sequence, info, der(TAG.sequence, ECDSA_WITH_SHA256), bits(sign("sha256", info, privateKey)));
  const lines = request.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csrPem: ["-----BEGIN CERTIFICATE REQUEST-----", ...lines, "-----END CERTIFICATE REQUEST-----", ""].join("\n"),
  };
}
