/**
 * Encrypts what others entrust to the platform: AES-256-GCM, bound to what it belongs to. The stored form is the key's own id, a dot,
 * and the base64 of nonce, text and tag, so that keys can be changed: the first one encrypts, and each is good for what it has encrypted.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { Secrets } from "./secrets.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class Encryption {
  readonly #current: string;
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor({ encryption, retiredEncryption }: Pick<Secrets, "encryption" | "retiredEncryption">) {
    this.#current = idOf(encryption);
    this.#keys = new Map([...retiredEncryption, encryption].map((key) => [idOf(key), key]));
  }

  /** Of the key that encrypts; what is stored begins with the id of its own. */
  get keyId(): string {
    return this.#current;
  }

  /** @param owner id of what the text belongs to: it cannot be decrypted as another one's */
  encrypt(text: string, owner: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key(this.#current), nonce).setAAD(Buffer.from(owner));
    const bytes = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${this.#current}.${bytes.toString("base64")}`;
  }

  /** @throws config_invalid when the key is not there, or the text was changed or belongs to something else */
  decrypt(stored: string, owner: string): string {
    const dot = stored.indexOf(".");
    const bytes = Buffer.from(stored.slice(dot + 1), "base64");
    try {
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv(ALGORITHM, this.#key(stored.slice(0, dot)), nonce, options);
      decipher.setAAD(Buffer.from(owner)).setAuthTag(bytes.subarray(-TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)).toString() + decipher.final("utf8");
    } catch (cause) {
      if (cause instanceof WrennError) throw cause;
      throw new WrennError("config_invalid", "what is stored encrypted was changed", { cause });
    }
  }

  #key(id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw new WrennError(
      "config_invalid",
      `what is stored encrypted needs a key that WRENN_ENCRYPTION_KEY lacks: ${id}`,
    );
  }
}

/** Says which key it is, and nothing of what is in it. */
function idOf(key: Uint8Array): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 8);
}
