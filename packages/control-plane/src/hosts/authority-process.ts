/** Entry of the process that signs: see signing.ts. It ends when the control plane does. */
import { WrennError } from "@wrenn/protocol/errors";
import { Authority, makeAuthority } from "./authority.ts";
import type { SigningAnswer, SigningRequest } from "./signing.ts";

async function sign({ authority: pem, csr, host }: SigningRequest["work"]) {
  if (pem === undefined) return makeAuthority();
  const authority = await Authority.open(pem);
  const issued =
    csr === undefined || host === undefined ? await authority.issueClient() : await authority.issueHost(csr, host);
  return { ...issued, caPem: authority.certPem };
}

async function answer({ id, work }: SigningRequest): Promise<SigningAnswer> {
  try {
    return { id, pem: await sign(work) };
  } catch (error) {
    const { code, message } = WrennError.from(error, "internal_error", String(error));
    return { id, code, message };
  }
}

process.on("message", (request: SigningRequest) => void answer(request).then((said) => process.send?.(said)));
