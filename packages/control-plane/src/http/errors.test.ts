import { WrennError } from "@wrenn/protocol/errors";
import { createLogger } from "@wrenn/runtime/logger";
import { fastify } from "fastify";
import { describe, expect, it, vi } from "vitest";
import { toEnvelope } from "../api/envelope.ts";
import { guestHttpError } from "../hosts/guest-errors.ts";
import { sendError, toWrennError } from "./errors.ts";

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

describe("sendError", () => {
  async function answerTo(error: unknown) {
    const logger = createLogger("test", "silent");
    const logged = [vi.spyOn(logger, "warn"), vi.spyOn(logger, "error")];
    const app = fastify().setErrorHandler((thrown, request, reply) => sendError(thrown, request, reply, logger));
    app.get("/", () => {
      throw error;
    });
    const { statusCode, headers } = await app.inject("/");
    return { statusCode, headers, logged: logged.flatMap((spy) => spy.mock.calls).length };
  }

  it("warns of what the platform could not do", async () => {
    expect(await answerTo(new WrennError("guest_unreachable", "x"))).toMatchObject({ statusCode: 502, logged: 1 });
    expect(await answerTo(new Error("x"))).toMatchObject({ statusCode: 500, logged: 1 });
  });

  it("takes a client that left for no failure", async () => {
    expect(await answerTo(new WrennError("connection_lost", "x"))).toMatchObject({ statusCode: 499, logged: 0 });
  });

  it.each([
    ["bytes */12", "bytes */12"],
    ["bytes 0-1/12", undefined],
    ["<script>", undefined],
  ])("says how long a file is that has no such range: %j", async (said, header) => {
    const { statusCode, headers } = await answerTo(guestHttpError(416, { "content-range": said }, "{}"));
    expect([statusCode, headers["content-range"]]).toEqual([416, header]);
  });
});
