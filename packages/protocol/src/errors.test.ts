import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { fromConnectError, toConnectError } from "./connect-errors.ts";
import { ERRORS, type ErrorCode, WrennError } from "./errors.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

describe("the error registry", () => {
  it("has lower case codes with an HTTP error status", () => {
    for (const code of codes) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(ERRORS[code].status).toBeGreaterThanOrEqual(400);
      expect(ERRORS[code].status).toBeLessThan(600);
    }
  });

  it("keeps code and message of every error across Connect RPC", () => {
    for (const code of codes) {
      const sent = toConnectError(new WrennError(code, `about ${code}`));
      const received = fromConnectError(overTheWire(sent), "the host");
      expect(received.code).toBe(code);
      expect(received.message).toBe(`about ${code}`);
    }
  });

  it("names the option of each command that can listen elsewhere", () => {
    expect(ERRORS.port_in_use.suggestion).toMatch(/--port .*wrenn up.* --listen .*wrenn control-plane/);
  });

  it("tells nothing of a foreign error", () => {
    const error = WrennError.from(new Error("password 1234 is wrong"));
    expect(error.code).toBe("internal_error");
    expect(error.message).toBe("internal error");
    expect(JSON.stringify(error)).not.toContain("1234");
    expect(toConnectError(new Error("secret")).rawMessage).toBe("internal error");
  });
});

/** What is left of an error when it was sent: code, message and details. */
function overTheWire(error: ConnectError): ConnectError {
  const received = new ConnectError(error.rawMessage, error.code);
  received.details = error.details;
  return received;
}
