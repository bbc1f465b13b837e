/** The other names of the API's paths: /api/v1 for /v1, sandboxes for capsules. */

/** The path under which a route is registered. */
export function canonicalUrl(url: string): string {
  return url.replace(/^\/api(?=\/v1(?:[/?]|$))/, "").replace(/^\/v1\/sandboxes(?=[/?]|$)/, "/v1/capsules");
}
