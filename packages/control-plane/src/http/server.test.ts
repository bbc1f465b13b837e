import { beforeAll, describe, expect, it } from "vitest";
import type { App } from "../api/route.ts";
import { buildRoutesOnly } from "../testing/routes-only.ts";

describe("the server", () => {
  let app: App;

  beforeAll(async () => {
    // No request of this file reaches the database or a host.
    app = await buildRoutesOnly();
    return () => app.close();
  });

  it("cuts off no request and no answer, however long it takes: only headers have to come soon", () => {
    const { requestTimeout, timeout, headersTimeout } = app.server;
    expect({ requestTimeout, timeout, headersTimeout }).toEqual({
      requestTimeout: 0,
      timeout: 0,
      headersTimeout: 10_000,
    });
  });

  it("keeps a connection longer than clients and proxies between do", () => {
    expect(app.server.keepAliveTimeout).toBeGreaterThan(600_000);
  });
});
