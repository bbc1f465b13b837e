import { ERRORS, WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { toEnvelope, toWrennError } from "./errors.ts";

describe("toWrennError and toEnvelope", () => {
  it("hides what an unforeseen error says", () => {
    const known = toWrennError(new Error("password=hunter2 at /srv/secret"));
    expect(known.code).toBe("internal_error");
    expect(toEnvelope(known)).toEqual({ error: { code: "internal_error", message: "internal error" } });
  });

  it("hides the message of every code that stands for an internal error", () => {
    for (const [code, { status }] of Object.entries(ERRORS)) {
      const { message } = toEnvelope(new WrennError(code as keyof typeof ERRORS, "/srv/secret")).error;
      expect(message, code).toBe(status === 500 ? "internal error" : "/srv/secret");
    }
  });

  it.each([
    ["FST_ERR_CTP_BODY_TOO_LARGE", "too_large"],
    ["FST_ERR_CTP_INVALID_MEDIA_TYPE", "invalid_request"],
    ["FST_ERR_BAD_URL", "invalid_request"],
    ["FST_ERR_SOMETHING_NEW", "internal_error"],
  ])("turns %s into %s", (code, ours) => {
    expect(toWrennError(Object.assign(new Error("x"), { code })).code).toBe(ours);
  });

  it("knows a lost database however deep", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED", syscall: "connect" });
    expect(toWrennError(new Error("Failed query: …", { cause: refused })).code).toBe("database_unavailable");
  });

  it("accepts anything thrown", () => expect(toWrennError(undefined).code).toBe("internal_error"));
});
