import { describe, expect, it } from "vitest";
import { Encryption } from "./encryption.ts";

const [OLD, NEW] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const old = new Encryption({ encryption: OLD, retiredEncryption: [] });
const TEXT = "zürich 🔑".repeat(1000);

describe("encryption", () => {
  it("gives back what it was given, and never the same twice", () => {
    const stored = old.encrypt(TEXT, "owner");
    expect(old.decrypt(stored, "owner")).toBe(TEXT);
    expect(old.encrypt(TEXT, "owner")).not.toBe(stored);
    expect(old.decrypt(old.encrypt("", "owner"), "owner")).toBe("");
  });

  it("reads what a key before encrypted, as long as that key is given", () => {
    const stored = old.encrypt(TEXT, "owner");
    const rotated = new Encryption({ encryption: NEW, retiredEncryption: [OLD] });
    expect(rotated.decrypt(stored, "owner")).toBe(TEXT);
    expect(() => old.decrypt(rotated.encrypt(TEXT, "owner"), "owner")).toThrow("needs a key");
    expect(() => new Encryption({ encryption: NEW, retiredEncryption: [] }).decrypt(stored, "owner")).toThrow(
      "needs a key",
    );
  });

  it("refuses what was changed, cut or belongs to something else", () => {
    const stored = old.encrypt("secret", "owner");
    const [id, text = ""] = stored.split(".");
    const bytes = Buffer.from(text, "base64");
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => old.decrypt(`${id}.${changed.toString("base64")}`, "owner")).toThrow("was changed");
    }
    for (const cut of [0, 5, 12, 20, bytes.length - 1]) {
      expect(() => old.decrypt(`${id}.${bytes.subarray(0, cut).toString("base64")}`, "owner")).toThrow("was changed");
    }
    expect(() => old.decrypt(stored, "other")).toThrow("was changed");
  });
});
