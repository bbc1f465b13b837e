/** The other names of paths: all also stand below /api, and /v1/sandboxes is /v1/capsules. */

const BELOW_API = /^\/api(?=\/(?:v1|health|ready|openapi\.json|openapi\.yaml|docs)(?:[/?]|$))/;

/** The path under which a route is registered. */
export function canonicalUrl(url: string): string {
  return url.replace(BELOW_API, "").replace(/^\/v1\/sandboxes(?=[/?]|$)/, "/v1/capsules");
}
