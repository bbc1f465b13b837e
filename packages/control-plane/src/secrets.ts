/** What the control plane signs and encrypts with: given by the environment or, where it is not, made once and kept in a file of root. */
import { randomBytes } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { readOrMakeFile } from "@wrenn/runtime/atomic-file";
import { parseJson } from "@wrenn/runtime/json";
import { z } from "zod";

export interface Secrets {
  /** signs the tokens of sessions; at least 32 bytes */
  readonly session: Uint8Array;
  /** encrypts what others entrust to the platform; 32 bytes */
  readonly encryption: Uint8Array;
  /** what it was encrypted with before, and is still read with */
  readonly retiredEncryption: readonly Uint8Array[];
}

export interface GivenSecrets {
  /** at least 32 characters, or `hex:` and 64 or more hex digits */
  readonly session: string | undefined;
  /** 64 hex digits, or several times 64 with commas between */
  readonly encryption: string | undefined;
}

const HEX = z.string().regex(/^[0-9a-f]{64}$/);
const fileSchema = z.object({ session: HEX, encryption: HEX });
type Kept = z.infer<typeof fileSchema>;

/** @param file is made when it is missing and something was not given. @throws config_invalid when it holds something else */
export async function readSecrets(given: GivenSecrets, file: string): Promise<Secrets> {
  const { session, encryption } = given;
  if (session !== undefined && encryption !== undefined)
    return { session: sessionBytes(session), ...encryptionKeys(encryption) };
  const kept = await readOrMake(file);
  return {
    session: session === undefined ? hex(kept.session) : sessionBytes(session),
    ...encryptionKeys(encryption ?? kept.encryption),
  };
}

const HEX_PREFIX = "hex:";
const SESSION_HEX = /^hex:(?:[0-9a-f]{2}){32,}$/i;
const MIN_SESSION = 32;

/** What is wrong with a JWT_SECRET. */
export function sessionProblem(text: string): string | undefined {
  if (text.startsWith(HEX_PREFIX) && !SESSION_HEX.test(text)) {
    return "JWT_SECRET begins with hex: and must go on with 64 or more hex digits, two for each byte";
  }
  return text.length < MIN_SESSION ? `JWT_SECRET must have ${MIN_SESSION} characters or more` : undefined;
}

/** Bytes that another control plane made for itself are no text: its file has them in hex. */
function sessionBytes(text: string): Uint8Array {
  return text.startsWith(HEX_PREFIX) ? hex(text.slice(HEX_PREFIX.length)) : Buffer.from(text);
}

function encryptionKeys(list: string) {
  const [first = "", ...others] = list.split(",");
  return { encryption: hex(first), retiredEncryption: others.map(hex) };
}

async function readOrMake(file: string): Promise<Kept> {
  const text = await readOrMakeFile(file, () => {
    const made: Kept = { session: randomBytes(32).toString("hex"), encryption: randomBytes(32).toString("hex") };
    return `${JSON.stringify(made)}\n`;
  });
  const { data } = fileSchema.safeParse(parseJson(text));
  if (data === undefined) {
    throw new WrennError("config_invalid", `${file} does not hold the secrets: put it back from a backup`);
  }
  return data;
}

function hex(text: string): Uint8Array {
  return Buffer.from(text, "hex");
}
