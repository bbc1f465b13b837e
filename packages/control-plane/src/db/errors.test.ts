import { inspect } from "node:util";
import { WrennError } from "@wrenn/protocol/errors";
import { DrizzleQueryError } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { fromDatabaseError } from "./errors.ts";

const withCode = (code: string, more: object = {}) => Object.assign(new Error("x"), { code, ...more });

describe("fromDatabaseError", () => {
  it.each([
    withCode("57P01"),
    withCode("57P03"),
    withCode("08006"),
    withCode("53300"),
    withCode("ENOENT", { syscall: "connect" }),
    withCode("ECONNRESET", { syscall: "read" }),
    new Error("Connection terminated unexpectedly"),
    new Error("timeout exceeded when trying to connect"),
  ])("%s", (error) => {
    expect(fromDatabaseError(error)).toMatchObject({ code: "database_unavailable" });
    expect(fromDatabaseError(new Error("Failed query", { cause: error }))).toMatchObject({
      code: "database_unavailable",
    });
  });

  it.each(["22021", "22P05"])("takes text that cannot be stored (%s) for the request's fault", (code) => {
    const error = fromDatabaseError(new DrizzleQueryError("insert into users", ["hunter2"], withCode(code)));
    expect(error).toMatchObject({ code: "invalid_request" });
    expect(inspect(error)).not.toContain("hunter2");
  });

  it("keeps the values of a query to itself", () => {
    const error = fromDatabaseError(new DrizzleQueryError("insert into users", ["hunter2"], withCode("23505")));
    expect(error).toMatchObject({ message: "query failed: insert into users", cause: { code: "23505" } });
    expect(inspect(error)).not.toContain("hunter2");
  });

  it.each([
    withCode("23505"),
    withCode("ENOENT", { syscall: "open" }),
    new Error("other"),
    new WrennError("host_unavailable", "x", { cause: withCode("ECONNREFUSED", { syscall: "connect" }) }),
    "text",
    undefined,
  ])("leaves %s as it is", (error) => expect(fromDatabaseError(error)).toBe(error));
});
