/** The certificate authority as the configuration gives it. */
import { createPrivateKey, X509Certificate } from "node:crypto";

export interface AuthorityPem {
  readonly certPem: string;
  /** PKCS #8 or SEC 1 */
  readonly keyPem: string;
}

const CURVE = "prime256v1";

/** Why it cannot sign certificates of hosts; undefined when it can. */
export function authorityProblem({ certPem, keyPem }: AuthorityPem): string | undefined {
  try {
    const key = createPrivateKey(keyPem);
    const cert = new X509Certificate(certPem);
    if (!cert.ca) return "the certificate in WRENN_CA_CERT is not an authority's";
    if (!cert.checkPrivateKey(key)) return "WRENN_CA_KEY is not the key of the certificate in WRENN_CA_CERT";
    if (Date.parse(cert.validTo) <= Date.now()) return `the certificate in WRENN_CA_CERT expired on ${cert.validTo}`;
    if (key.asymmetricKeyDetails?.namedCurve === CURVE) return undefined;
  } catch {
    // What is malformed gets the same answer as what is of another kind.
  }
  return "WRENN_CA_CERT and WRENN_CA_KEY must be PEM of an authority's certificate and its ECDSA P-256 key";
}
