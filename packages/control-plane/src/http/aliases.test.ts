import { describe, expect, it } from "vitest";
import { canonicalUrl } from "./aliases.ts";

describe("canonicalUrl", () => {
  it.each([
    ["/v1/capsules", "/v1/capsules"],
    ["/v1/sandboxes", "/v1/capsules"],
    ["/api/v1/capsules?a=/v1/sandboxes", "/v1/capsules?a=/v1/sandboxes"],
    ["/api/v1/sandboxes/cl-1/exec", "/v1/capsules/cl-1/exec"],
    ["/api/v1/sandboxes?x", "/v1/capsules?x"],
    ["/api/v1", "/v1"],
    ["/api/health", "/health"],
    ["/api/ready?x", "/ready?x"],
    ["/api/openapi.json", "/openapi.json"],
    ["/api/docs/", "/docs/"],
  ])("%s is %s", (url, canonical) => expect(canonicalUrl(url)).toBe(canonical));

  it.each(["/api", "/api/healthy", "/api/metrics", "/api/v12", "/v1/sandboxes2", "/x/v1/sandboxes", "/api/api/v1"])(
    "leaves %s",
    (url) => expect(canonicalUrl(url)).toBe(url),
  );
});
