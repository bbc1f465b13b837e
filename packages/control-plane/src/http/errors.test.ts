import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { toEnvelope } from "../api/envelope.ts";
import { toWrennError } from "./errors.ts";

describe("toWrennError and toEnvelope", () => {
  it("hides what an unforeseen error says", () => {
    const known = toWrennError(new Error("password=hunter2 at /srv/secret"));
    expect(known.code).toBe("internal_error");
    expect(toEnvelope(known)).toEqual({ error: { code: "internal_error", message: "internal error" } });
  });

  it("gives the message of every other code, which is written for the client", () => {
    const { message } = toEnvelope(new WrennError("kernel_invalid", "the kernel is not a bzImage")).error;
    expect(message).toBe("the kernel is not a bzImage");
    expect(toEnvelope(new WrennError("internal_error", "/srv/secret")).error.message).toBe("internal error");
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
